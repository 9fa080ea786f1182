"""Writes down digests of what the report shows of a data set's artifacts, for Git.

Reads `data/images|truth|grabcut|foreground|parts|part_masks/<dataset>.h5`, `data/quality/<dataset>/` and the curve of
the foreground network's training; writes `data/digests/<dataset>.json`.
"""

import click

from pipeline.sharing.shown import ARTIFACTS, digests_of
from pipeline.store.files import write_json
from pipeline.store.places import Workspace
from stages.command import dataset_option, stage


@stage
@dataset_option
def digest_artifacts(workspace: Workspace) -> None:
    """Write digests of what the report shows of a data set."""
    write_json(output := workspace.path("artifact_digests"), found := digests_of(workspace, ARTIFACTS))
    click.echo(f"{output}: {len(found)} digests")


if __name__ == "__main__":
    digest_artifacts()
