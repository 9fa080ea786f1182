"""Trains one re-ID model on several data sets together.

Reads: of each data set that `train_reid.together` lists, data/images/<dataset>.h5 and, where the model needs them,
data/parts/<dataset>.h5 and data/part_masks/<dataset>.h5.
Writes: models/reid/<joint>/<model>.safetensors, and the loss curve as CSV.
"""

from dataclasses import asdict, replace
from functools import partial

import click

from pipeline.networks.runtime import start
from pipeline.reid.build import KIND
from pipeline.reid.params import load_model
from pipeline.reid.samples import open_sources
from pipeline.reid.training import build_joint_network, train_jointly
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from stages.command import dataset_option, model_option, stage


@stage
@dataset_option
@model_option
def train_together(workspace: Workspace) -> None:
    """Train on the data sets of a joint set, then write weights and history."""
    params = load_model(workspace.parameters, workspace.dataset, workspace.model)
    members = [replace(workspace, dataset=name) for name in params.training.together]
    if not 2 <= len(members) == len(set(members)):
        expected = f"expected two different data sets or more under overrides.{workspace.dataset}.train_reid.together"
        raise ValueError(f"{workspace.parameters}: {expected}, got {list(params.training.together)}")
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime, workspace.logs("train_together"))
    stores = [ImageStore(current(each, "images")) for each in members]
    network = build_joint_network(params, stores)
    pairs = zip(stores, members, strict=True)
    sources = [open_sources(store, partial(current, each), network.inputs) for store, each in pairs]
    tables = {"model": workspace.model, "tables": [each.store.digest for each in sources]}
    module = f"pipeline/reid/models/{params.network}.py"
    makers = {"makers": [each.makers for each in sources], "params": asdict(params)}
    scratch = workspace.scratch("train_together", {**tables, **makers, **runtime.arithmetic}, module)
    origin = origin_of(workspace, "reid")
    trained = train_jointly(network, sources, params, runtime, fabric, scratch)
    trained = replace(trained, metadata=trained.metadata | {"model": workspace.model, "origin": origin})
    if fabric.is_global_zero:
        trained.write(output := workspace.path("reid_together"), KIND, workspace.path("reid_together_history"))
        click.echo(
            f"{output}: {workspace.model}, {trained.metadata['classes']} vehicles of "
            f"{', '.join(params.training.together)}, loss {trained.last_loss:.3f}"
        )


if __name__ == "__main__":
    train_together()
