"""Train the workspace's SPAN from the image-level viewpoints of one data set (SPAN §3.1, §4.2).

Reads `data/images/<dataset>.h5` and `data/foreground/<dataset>.h5`; writes `models/span.safetensors` and its training
history.
"""

from dataclasses import asdict
from pathlib import Path

import click

from pipeline.artifacts.foreground import SCHEMA as FOREGROUND
from pipeline.networks import weights
from pipeline.networks.runtime import Runtime, start
from pipeline.store import hdf5, params
from pipeline.store.files import digest_of, file_digest, write_csv
from pipeline.store.images import ImageStore
from pipeline.views.training import HISTORY, KIND, SpanTraining, train
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Data set to train on, `train_span.dataset` of the parameters.")
@click.option("--images", required=True, type=PATH, help="Its images, with viewpoints.")
@click.option("--foreground", required=True, type=PATH, help="Their foreground masks.")
@click.option("--history", required=True, type=PATH, help="CSV of losses by epoch to write.")
@click.option("--output", required=True, type=PATH, help="Weights to write.")
def train_span(dataset: str, images: Path, foreground: Path, history: Path, output: Path, params_path: Path) -> None:
    """Train SPAN; one serves every data set of the workspace."""
    training = params.load(params_path, "train_span", SpanTraining, dataset=dataset)
    if training.dataset != dataset:
        raise ValueError(f"{params_path}: train_span.dataset is {training.dataset!r}, got --dataset {dataset!r}")
    runtime = params.load(params_path, "runtime", Runtime)
    fabric = start(runtime)
    store = ImageStore(images)
    masks = hdf5.Cache(foreground, FOREGROUND, store.digest)
    inputs = {"table": store.digest, "foreground": file_digest(foreground)}
    made_from = digest_of({**inputs, "params": asdict(training), "runtime": asdict(runtime)})
    span, rows, metadata = train(store, masks, training, runtime, fabric, Path(".scratch/train_span") / made_from)
    weights.save(output, span.state_dict(), KIND, {**metadata, **inputs})
    write_csv(history, rows, HISTORY)
    click.echo(f"{output}: trained on {metadata['images']} images, last loss {rows[-1]['loss']:.3f}")


if __name__ == "__main__":
    train_span()
