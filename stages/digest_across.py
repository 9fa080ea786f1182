"""Writes down digests of what the report shows of one model on a data set it was not trained on, for Git.

Reads `data/evaluation/<dataset>/from_<trained on>/<model>/metrics.json`; writes
`data/digests/<dataset>/from_<trained on>/<model>.json`.
"""

import click

from pipeline.sharing.shown import ACROSS, digests_of
from pipeline.store.files import write_json
from pipeline.store.places import Workspace
from stages.command import dataset_option, model_option, stage, trained_on_option


@stage
@trained_on_option
@dataset_option
@model_option
def digest_across(workspace: Workspace) -> None:
    """Write digests of what the report shows of a model from another data set."""
    write_json(output := workspace.path("across_digests"), found := digests_of(workspace, ACROSS))
    click.echo(f"{output}: {len(found)} digests")


if __name__ == "__main__":
    digest_across()
