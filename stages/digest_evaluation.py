"""Writes down digests of what the report shows of one model on one data set, for Git.

Reads `data/evaluation/<dataset>/<model>/`, `data/attention/<dataset>/<model>.h5` and the curve of the model's training;
writes `data/digests/<dataset>/<model>.json`.
"""

import click

from pipeline.sharing.shown import EVALUATION, digests_of
from pipeline.store.files import write_json
from pipeline.store.places import Workspace
from stages.command import dataset_option, model_option, stage


@stage
@dataset_option
@model_option
def digest_evaluation(workspace: Workspace) -> None:
    """Write digests of what the report shows of a model."""
    write_json(output := workspace.path("evaluation_digests"), found := digests_of(workspace, EVALUATION))
    click.echo(f"{output}: {len(found)} digests")


if __name__ == "__main__":
    digest_evaluation()
