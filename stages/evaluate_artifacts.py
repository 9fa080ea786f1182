"""Measure the quality of a data set's intermediate artifacts against its ground truth.

Reads `data/images|truth|grabcut|foreground|parts|part_masks/<dataset>.h5`, and of `models/detector.safetensors`,
`models/span.safetensors` and `models/foreground/<dataset>.safetensors` what they were trained on; writes
`data/quality/<dataset>/metrics.json` and `ap_by_class.csv` beside it.
"""

from functools import partial
from pathlib import Path

import click

from pipeline.foreground.trained_on import read_removed_rows
from pipeline.parts.trained_on import read_trained_images
from pipeline.quality.artifacts import QualityParams, measure, open_artifacts
from pipeline.quality.parts import CLASS_COLUMNS
from pipeline.store.files import file_digest, write_csv, write_json
from pipeline.store.hdf5 import check_same
from pipeline.store.origin import current
from pipeline.store.places import Workspace
from pipeline.views.trained_on import read_trained_table
from stages.command import dataset_option, stage


@stage
@dataset_option
def evaluate_artifacts(workspace: Workspace) -> None:
    """Write overlap with the true masks, average precision of the boxes and viewpoint accuracy, where known."""
    params = workspace.load("evaluate_artifacts", QualityParams)
    artifacts = open_artifacts(partial(_fitting, workspace))
    detector, span, foreground = (current(workspace, name) for name in ("detector", "span", "foreground_network"))
    for name, weights, cache in (
        ("detector", detector, artifacts.parts),
        ("span", span, artifacts.part_masks),
        ("foreground", foreground, artifacts.foreground),
    ):
        check_same(name, {name: file_digest(weights)}, cache.header.made_by, cache.path)
    trained_on = read_trained_images(detector), read_trained_table(span), read_removed_rows(foreground)
    metrics, by_class = measure(artifacts, *trained_on, params)
    write_json(output := workspace.path("quality"), metrics)
    write_csv(workspace.path("part_classes"), by_class, CLASS_COLUMNS)
    click.echo(f"{output}: measured {', '.join(metrics)}")


def _fitting(workspace: Workspace, name: str) -> Path:
    """Where a cache lies that fits the parameters in force; ground truth depends on none."""
    return workspace.existing(name) if name == "truth" else current(workspace, name)


if __name__ == "__main__":
    evaluate_artifacts()
