"""Trains one re-ID model on one data set.

Reads: data/images/<dataset>.h5 and, where the model needs them, data/parts/<dataset>.h5 and
data/part_masks/<dataset>.h5.
Writes: models/reid/<dataset>/<model>.safetensors, and the loss curve as CSV.
"""

from dataclasses import asdict, replace
from functools import partial

import click

from pipeline.networks.runtime import start
from pipeline.reid.build import KIND
from pipeline.reid.params import load_model
from pipeline.reid.samples import open_sources
from pipeline.reid.training import build_network, train, training_rows
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from stages.command import dataset_option, model_option, stage


@stage
@dataset_option
@model_option
def train_reid(workspace: Workspace) -> None:
    """Train, then write weights and history."""
    params = load_model(workspace.parameters, workspace.dataset, workspace.model)
    if params.training.together:
        raise ValueError(f"{workspace.dataset}: train_reid.together is for the names under joint, not for a data set")
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime, workspace.logs("train_reid"))
    store = ImageStore(current(workspace, "images"))
    rows = training_rows(store)
    network = build_network(params, store, rows)
    sources = open_sources(store, partial(current, workspace), network.inputs)
    inputs = {"model": workspace.model, "table": store.digest, "makers": sources.makers}
    inputs |= {"params": asdict(params), **runtime.arithmetic}
    scratch = workspace.scratch("train_reid", inputs, f"pipeline/reid/models/{params.network}.py")
    origin = origin_of(workspace, "reid")
    trained = train(network, sources, rows, params, runtime, fabric, scratch)
    trained = replace(trained, metadata=trained.metadata | {"model": workspace.model, "origin": origin})
    if fabric.is_global_zero:
        trained.write(output := workspace.path("reid"), KIND, workspace.path("reid_history"))
        click.echo(
            f"{output}: {workspace.model}, {len(rows)} images of {trained.metadata['classes']} vehicles, "
            f"loss {trained.last_loss:.3f}"
        )


if __name__ == "__main__":
    train_reid()
