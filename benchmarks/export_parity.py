"""Exported files of trained models beside the pipeline: sizes, differences, rankings and milliseconds.

Exports models of a finished run, with their 8-bit forms, to a folder that is thrown away, and prints a line of the
table in `docs/export.md` for each file. What is in a file is timed in torch and in ONNX Runtime on the same images, one
at a time and in turn, so that what else the machine does slows both; medians, decoding left out.

    python -m benchmarks.export_parity --root FOLDER [--models baseline,pgan] [--images 100] [--threads 1]
"""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.tables import table
from pipeline.export.onnx_file import open_session
from pipeline.export.run import Exported, export
from pipeline.networks.runtime import seed_everything
from pipeline.retrieval.evaluation import EvaluateParams
from pipeline.search.fitting import load_params
from pipeline.store.places import Workspace

HEAD = (
    "file",
    "MB",
    "greatest difference",
    "images beyond {:g}",
    "queries in the same order",
    "mAP (torch)",
    "ms an image (torch)",
)
WARMUP = 10
"""Runs on the first inputs before those that are timed."""

Run = Callable[[dict[str, NDArray[Any]]], object]
"""Runs a network on its inputs."""


def median_milliseconds(runs: Sequence[Run], feeds: Sequence[dict[str, NDArray[Any]]]) -> list[float]:
    """Time networks on the same inputs in turn; the median of each over the inputs, once all are warm."""
    everything = [feeds[0]] * WARMUP + list(feeds)
    seconds = np.zeros((len(everything), len(runs)))
    for row, inputs in enumerate(everything):
        for column, run in enumerate(runs):
            begun = time.perf_counter()
            run(inputs)
            seconds[row, column] = time.perf_counter() - begun
    return [float(1000 * value) for value in np.median(seconds[WARMUP:], axis=0)]


def in_torch(file: Exported) -> Run:
    """The graph of a file, run by torch."""
    graph = deepcopy(file.graph).eval().to(memory_format=torch.channels_last)

    def run(inputs: dict[str, NDArray[Any]]) -> object:
        with torch.inference_mode():
            return graph(**{name: torch.from_numpy(values) for name, values in inputs.items()})

    return run


def line_of(file: Exported, rows: NDArray[np.int64], threads: int) -> tuple[str, ...]:
    """A line of the table under `HEAD`; the file is timed on some rows."""
    session = open_session(file.path, threads)
    feeds = [file.feed([row]) for row in rows.tolist()]
    by_file, by_torch = median_milliseconds([lambda inputs: session.run(None, inputs), in_torch(file)], feeds)
    parity = file.parity
    return (
        f"`{file.path.stem}`",
        f"{file.megabytes:.1f}",
        f"{parity.greatest:.1e}",
        f"{parity.beyond:,}",
        f"{parity.same_order:,} of {parity.queries:,}",
        "withheld" if parity.mean_ap is None else f"{parity.mean_ap:.4f} ({parity.expected_ap:.4f})",
        f"{by_file:.1f} ({by_torch:.1f})",
    )


@click.command(help=__doc__)
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of a finished run.")
@click.option("--dataset", default="synthetic", show_default=True, help="Name of its data set.")
@click.option("--models", default="baseline,pgan,span_cpdm,fused", show_default=True, help="Re-ID models, with commas.")
@click.option("--images", default=100, show_default=True, help="Test images that are timed.")
@click.option("--threads", default=1, show_default=True, help="CPU threads.")
@click.option("--tolerance", default=1e-4, show_default=True, help="Above it an image counts as different.")
def main(root: Path, dataset: str, models: str, images: int, threads: int, tolerance: float) -> None:
    """Print the table."""
    lines = []
    for model in models.split(","):
        workspace = Workspace(root, dataset, model, root / "params.yaml")
        values = load_params(workspace)
        values = replace(values, runtime=replace(values.runtime, threads=threads))
        seed_everything(values.runtime.seed, threads)
        evaluation = workspace.load("evaluate", EvaluateParams)
        with TemporaryDirectory() as folder:
            files = export(workspace, values, evaluation, Path(folder), quantise=True, tolerance=tolerance)
            for file in files:
                click.echo(f"{file.path.name}: {file.megabytes:.1f} MB; {file.parity}", err=True)
                rows = file.feed.store.test_rows()
                chosen = rows[np.linspace(0, len(rows) - 1, min(images, len(rows)), dtype=np.int64)]
                lines.append(line_of(file, chosen, threads))
    click.echo(table([name.format(tolerance) for name in HEAD], lines))


if __name__ == "__main__":
    main()
