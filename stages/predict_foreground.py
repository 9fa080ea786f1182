"""Predict one foreground probability mask an image (SPAN supplement §1).

Reads `data/images/<dataset>.h5` and `models/foreground/<dataset>.safetensors`; writes `data/foreground/<dataset>.h5`.
"""

from dataclasses import asdict
from pathlib import Path

import click

from pipeline.artifacts.foreground import write_foreground
from pipeline.foreground.network import restore_foreground
from pipeline.foreground.prediction import ForegroundPrediction, predict
from pipeline.foreground.training import KIND
from pipeline.networks import weights
from pipeline.networks.runtime import Runtime, start
from pipeline.store import params
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Name of the data set.")
@click.option("--images", required=True, type=PATH, help="Its images.")
@click.option("--weights", "weights_path", required=True, type=PATH, help="Weights from `train_foreground`.")
@click.option("--output", required=True, type=PATH, help="Masks to write.")
def predict_foreground(dataset: str, images: Path, weights_path: Path, output: Path, params_path: Path) -> None:
    """Write the foreground mask of every image."""
    values = params.load(params_path, "predict_foreground", ForegroundPrediction, dataset=dataset)
    runtime = params.load(params_path, "runtime", Runtime)
    fabric = start(runtime)
    store = ImageStore(images)
    network = restore_foreground(*weights.load(weights_path, KIND), where=str(weights_path))
    made_by = {"foreground": file_digest(weights_path), "params": digest_of(asdict(values))}
    write_foreground(output, store, predict(network, store, values, runtime, fabric), values.size, made_by)
    click.echo(f"{output}: {len(store)} masks of {values.size} x {values.size} pixels")


if __name__ == "__main__":
    predict_foreground()
