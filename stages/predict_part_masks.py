"""Predict the front, rear and side masks of every image and their area ratios (SPAN §3.1, §3.3).

Reads `data/images/<dataset>.h5`, `data/foreground/<dataset>.h5` and `models/span.safetensors`; writes
`data/part_masks/<dataset>.h5`.
"""

from dataclasses import asdict
from pathlib import Path

import click

from pipeline.artifacts.foreground import SCHEMA as FOREGROUND
from pipeline.artifacts.views import SCHEMA, write_part_masks
from pipeline.networks import weights
from pipeline.networks.runtime import Runtime, start
from pipeline.store import hdf5, params
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from pipeline.views.prediction import PartMasksParams, load_span, predict_masks
from pipeline.views.training import KIND
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Name of the data set.")
@click.option("--images", required=True, type=PATH, help="Its images.")
@click.option("--foreground", required=True, type=PATH, help="Their foreground masks.")
@click.option("--weights", "weights_path", required=True, type=PATH, help="Weights from `train_span`.")
@click.option("--output", required=True, type=PATH, help="View masks to write.")
def predict_part_masks(
    dataset: str, images: Path, foreground: Path, weights_path: Path, output: Path, params_path: Path
) -> None:
    """Write the view masks and area ratios of every image."""
    values = params.load(params_path, "predict_part_masks", PartMasksParams, dataset=dataset)
    runtime = params.load(params_path, "runtime", Runtime)
    fabric = start(runtime)
    store = ImageStore(images)
    vehicle = hdf5.Cache(foreground, FOREGROUND, store.digest)
    span = load_span(*weights.load(weights_path, KIND), where=str(weights_path))
    made_by = {"foreground": file_digest(foreground), "span": file_digest(weights_path)}
    header = hdf5.Header(SCHEMA, store.digest, {**made_by, "params": digest_of(asdict(values))})
    batches = predict_masks(span, store, vehicle, values, runtime, fabric)
    write_part_masks(output, batches, header, len(store), values.size)
    click.echo(f"{output}: three view masks of {values.size} x {values.size} for each of {len(store)} images")


if __name__ == "__main__":
    predict_part_masks()
