"""Reads `data/raw/<dataset>/`; writes `data/images/<dataset>.h5` and `data/truth/<dataset>.h5`."""

import click

from pipeline.artifacts.truth import write_truth
from pipeline.datasets.adapters import PrepareParams, read_data_set, read_truth
from pipeline.datasets.packing import write_store
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from stages.command import dataset_option, printable, progress, stage


@stage
@dataset_option
def prepare(workspace: Workspace) -> None:
    """Read one benchmark's table, check every image, pack both into one file."""
    params = workspace.load("prepare", PrepareParams)
    source, output = workspace.path("raw"), workspace.path("images")
    found = read_data_set(source, params)
    kept, left_out = write_store(output, found.records, source, params.limits, str(source), progress, found.remarks)
    for remark in [*found.remarks, *(f"left out {name}: {reason}" for name, reason in left_out)]:
        click.echo(printable(f"{workspace.dataset}: {remark}"))
    store = ImageStore(output)
    write_truth(workspace.path("truth"), store, read_truth(source, params, store))
    click.echo(f"{workspace.dataset}: {len(kept)} images, {len(left_out)} left out -> {output}")


if __name__ == "__main__":
    prepare()
