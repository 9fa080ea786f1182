"""Seconds of a re-ID training whose frozen levels meet every image once, and of one that passes them in each epoch.

Trains models of a finished run twice, with room for the maps of frozen levels and without, one after the other, and
checks that their weights are the same to the last bit.

    python -m benchmarks.frozen_maps --root FOLDER [--models baseline,pgan] [--epochs 8]
"""

import time
from dataclasses import replace
from pathlib import Path

import click
import torch

from benchmarks.tables import table
from pipeline.networks.runtime import start
from pipeline.reid.network import ReidNetwork
from pipeline.reid.params import load_model
from pipeline.reid.samples import open_sources
from pipeline.reid.training import build_network, train, training_rows
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams


def trained(workspace: Workspace, epochs: int | None, room: int | None) -> tuple[float, ReidNetwork]:
    """Train a model as its stage does; seconds, and the network.

    Args:
        workspace: Names data set and model.
        epochs: In place of those of the parameters; None for these.
        room: Megabytes for maps; None for that of the parameters.
    """
    runtime = workspace.load("runtime", RuntimeParams)
    runtime = runtime if room is None else replace(runtime, frozen_maps=room)
    params = load_model(workspace.parameters, workspace.dataset, workspace.model)
    if epochs is not None:
        params = replace(params, training=replace(params.training, epochs=epochs, iterations=None))
    fabric, store = start(runtime), ImageStore(workspace.existing("images"))
    rows = training_rows(store)
    network = build_network(params, store, rows)
    sources = open_sources(store, workspace.existing, network.inputs)
    begun = time.perf_counter()
    found = train(network, sources, rows, params, runtime, fabric)
    return time.perf_counter() - begun, found.network


@click.command(help=__doc__)
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of a finished run.")
@click.option("--dataset", default="synthetic", show_default=True, help="Name of its data set.")
@click.option("--models", default="baseline,pgan,span_cpdm,fused", show_default=True, help="Models, with commas.")
@click.option("--epochs", type=int, help="In place of those of the parameters.")
def main(root: Path, dataset: str, models: str, epochs: int | None) -> None:
    """Print the table."""
    rows = []
    for model in models.split(","):
        workspace = Workspace(root, dataset, model, root / "params.yaml")
        (always, computed), (once, kept) = (trained(workspace, epochs, room) for room in (0, None))
        states = computed.state_dict(), kept.state_dict()
        same = all(torch.equal(states[0][name], states[1][name]) for name in states[0])
        rows.append((f"`{model}`", f"{always:.0f}", f"{once:.0f}", f"{once / always:.2f}", "yes" if same else "NO"))
    click.echo(table(("model", "each time, s", "once, s", "ratio", "same weights"), rows))


if __name__ == "__main__":
    main()
