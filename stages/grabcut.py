"""Makes seed masks by GrabCut, on all cores or on Ray.

Reads `data/images/<dataset>.h5`; writes `data/grabcut/<dataset>.h5`, one mask per image, with a flag for those that
failed, and its index `data/rows/grabcut/<dataset>.h5`.
"""

from dataclasses import asdict
from functools import partial

import click
import numpy as np

from pipeline.artifacts import seeds
from pipeline.foreground import grabcut as cutting
from pipeline.maps.columns import Column
from pipeline.maps.engine import engine_of
from pipeline.maps.keys import maker_digest, row_keys
from pipeline.store.files import digest_of
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from stages.command import dataset_option, stage
from stages.mapping import job_of

NAMES = {"masks": "grabcut", "failed": "grabcut"}


@stage
@dataset_option
def grabcut(workspace: Workspace) -> None:
    """Segment every image."""
    params = workspace.load("grabcut", cutting.GrabCutParams)
    runtime = workspace.load("runtime", RuntimeParams)
    store = ImageStore(current(workspace, "images"))
    columns, keys = {"files": Column(store.encoded, np.arange(len(store)))}, row_keys(store.image_digests)
    maker = maker_digest(asdict(params), (cutting.__name__, seeds.__name__))
    job = job_of(workspace, NAMES, store.digest, columns, keys, maker, runtime)
    with job.finished(engine_of(partial(cutting.seeds_of, params), runtime, store.paths.tolist())) as blocks:
        made = (seeds.Seeds(**block) for block in blocks)
        made_by = {"params": digest_of(asdict(params)), **origin_of(workspace, "grabcut")}
        failed = seeds.write_seeds(output := job.files["grabcut"], store.digest, len(store), params.size, made, made_by)
    click.echo(f"{output}: {len(store)} masks, {failed} of them failed")


if __name__ == "__main__":
    grabcut()
