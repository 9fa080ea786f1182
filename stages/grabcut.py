"""Makes seed masks by GrabCut, on all cores.

Reads `data/images/<dataset>.h5`; writes `data/grabcut/<dataset>.h5`, one mask per image, with a flag for those that
failed.
"""

from dataclasses import asdict

import click

from pipeline.artifacts.seeds import write_seeds
from pipeline.foreground.grabcut import GrabCutParams, make_seeds
from pipeline.store.files import digest_of
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from stages.command import dataset_option, stage


@stage
@dataset_option
def grabcut(workspace: Workspace) -> None:
    """Segment every image."""
    params = workspace.load("grabcut", GrabCutParams)
    store, output = ImageStore(current(workspace, "images")), workspace.path("grabcut")
    scratch = workspace.scratch("grabcut", {"table": store.digest, "params": asdict(params)})
    shards = make_seeds(store, params, scratch)
    made_by = {"params": digest_of(asdict(params)), **origin_of(workspace, "grabcut")}
    failed = write_seeds(output, store.digest, len(store), params.size, shards, made_by)
    click.echo(f"{output}: {len(store)} masks, {failed} of them failed")


if __name__ == "__main__":
    grabcut()
