"""Reads `data/raw/<dataset>/`; writes `data/images/<dataset>.h5` and `data/truth/<dataset>.h5`."""

from collections.abc import Iterable
from pathlib import Path

import click
from tqdm import tqdm

from pipeline.artifacts.truth import write_truth
from pipeline.datasets.adapters import PrepareParams, read_data_set, read_truth
from pipeline.datasets.packing import write_store
from pipeline.store import params
from pipeline.store.images import ImageStore
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Data set whose overrides apply.")
@click.option("--source", type=PATH, required=True, help="The data set's folder.")
@click.option("--output", type=PATH, required=True, help="Image store to write.")
@click.option("--truth", type=PATH, required=True, help="Ground truth to write.")
def prepare(params_path: Path, dataset: str, source: Path, output: Path, truth: Path) -> None:
    """Read one benchmark's table, check every image, pack both into one file."""
    values = params.load(params_path, "prepare", PrepareParams, dataset=dataset)
    found = read_data_set(source, values)
    kept, left_out = write_store(output, found.records, source, values.limits, str(source), _progress, found.remarks)
    for remark in [*found.remarks, *(f"left out {name}: {reason}" for name, reason in left_out)]:
        click.echo(f"{dataset}: {remark}")
    store = ImageStore(output)
    write_truth(truth, store, read_truth(source, values, store))
    click.echo(f"{dataset}: {len(kept)} images, {len(left_out)} left out -> {output}")


def _progress(paths: Iterable[str], count: int) -> Iterable[str]:
    bar: Iterable[str] = tqdm(paths, total=count, unit="image", mininterval=5, disable=None)
    return bar


if __name__ == "__main__":
    prepare()
