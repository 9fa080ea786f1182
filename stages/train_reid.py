"""Trains one re-ID model on one data set.

Reads: data/images/<dataset>.h5 and, where the model needs them, data/parts/<dataset>.h5 and
data/part_masks/<dataset>.h5.
Writes: models/reid/<dataset>/<model>.safetensors, and the loss curve as CSV.
"""

from pathlib import Path

import click

from pipeline.networks import runtime
from pipeline.reid import build as reid
from pipeline.reid.samples import open_sources
from pipeline.reid.training import ReidTraining, classes_of, scratch_folder, train, training_rows
from pipeline.store import params
from pipeline.store.files import write_csv
from pipeline.store.images import ImageStore
from stages.command import PATH, model_options, stage


@stage
@model_options
@click.option("--output", type=PATH, required=True, help="Weights to write.")
@click.option("--history", type=PATH, required=True, help="Loss curve to write.")
def main(
    params_path: Path,
    dataset: str,
    model: str,
    images: Path,
    parts: Path,
    part_masks: Path,
    output: Path,
    history: Path,
) -> None:
    """Train, then write weights and history."""
    values = params.load(params_path, "train_reid", ReidTraining, dataset=dataset, variant=f"reid_models.{model}")
    how = params.load(params_path, "runtime", runtime.Runtime)
    fabric = runtime.start(how)
    store = ImageStore(images)
    rows = training_rows(store)
    classes = len(classes_of(store, rows))
    network = reid.build(model, values.network, classes)
    sources = open_sources(store, {"parts": parts, "part_masks": part_masks}, network.inputs)
    epochs = train(network, sources, rows, values, how, fabric, scratch_folder(model, sources, values, how))
    reid.save(output, network, model, values.network, classes, store.digest, sources.makers)
    write_csv(history, epochs, list(epochs[-1]))
    click.echo(f"{output}: {model}, {len(rows)} images of {classes} vehicles, loss {epochs[-1]['loss']:.3f}")


if __name__ == "__main__":
    main()
