"""Train the workspace's part detector (SSD, PGAN §3.2) on the annotated images of one data set.

Reads `data/images/<dataset>.h5`; writes `models/detector.safetensors` and its training history.
"""

from dataclasses import asdict
from pathlib import Path

import click

from pipeline.networks import weights
from pipeline.networks.runtime import Runtime, start
from pipeline.parts.trained_on import KIND
from pipeline.parts.training import DetectorTraining, train
from pipeline.store import params
from pipeline.store.files import digest_of, write_csv
from pipeline.store.images import ImageStore
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Data set to train on, `train_detector.dataset` of the parameters.")
@click.option("--images", required=True, type=PATH, help="Its images, with part boxes.")
@click.option("--history", required=True, type=PATH, help="CSV of losses by epoch to write.")
@click.option("--output", required=True, type=PATH, help="Weights to write.")
def train_detector(dataset: str, images: Path, history: Path, output: Path, params_path: Path) -> None:
    """Train the part detector; one serves every data set of the workspace."""
    training = params.load(params_path, "train_detector", DetectorTraining, dataset=dataset)
    if training.dataset != dataset:
        raise ValueError(f"{params_path}: train_detector.dataset is {training.dataset!r}, got --dataset {dataset!r}")
    runtime = params.load(params_path, "runtime", Runtime)
    fabric = start(runtime)
    store = ImageStore(images)
    inputs = digest_of({"table": store.digest, "params": asdict(training), "runtime": asdict(runtime)})
    scratch = Path(".scratch/train_detector") / inputs
    detector, rows, metadata = train(store, training, runtime, fabric, scratch)
    weights.save(output, detector.state_dict(), KIND, metadata)
    write_csv(history, rows, list(rows[0]))
    click.echo(
        f"{output}: trained on {len(metadata['trained_images'])} images, {len(metadata['held_back'])} held back, "
        f"last loss {rows[-1]['loss']:.3f}"
    )


if __name__ == "__main__":
    train_detector()
