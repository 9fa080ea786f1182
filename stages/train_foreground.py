"""Train one data set's foreground network on its GrabCut seeds (SPAN supplement §1).

Reads `data/images/<dataset>.h5` and `data/grabcut/<dataset>.h5`; writes `models/foreground/<dataset>.safetensors`
and its training history.
"""

from dataclasses import asdict, replace

import click

from pipeline.artifacts.seeds import open_seeds
from pipeline.foreground.trained_on import KIND
from pipeline.foreground.training import ForegroundTrainingParams, train
from pipeline.networks.runtime import start
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from stages.command import dataset_option, stage


@stage
@dataset_option
def train_foreground(workspace: Workspace) -> None:
    """Train the foreground network."""
    params = workspace.load("train_foreground", ForegroundTrainingParams)
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime, workspace.logs("train_foreground"))
    store = ImageStore(current(workspace, "images"))
    seeds = open_seeds(current(workspace, "grabcut"), store.digest)
    origin = origin_of(workspace, "foreground_network")
    made_by = {"grabcut": file_digest(seeds.path), "params": digest_of(asdict(params))}
    scratch = workspace.scratch("train_foreground", made_by | runtime.arithmetic)
    trained = train(store, seeds, params, runtime, fabric, scratch)
    trained = replace(trained, metadata=trained.metadata | {"made_by": made_by, "origin": origin})
    if fabric.is_global_zero:
        trained.write(output := workspace.path("foreground_network"), KIND, workspace.path("foreground_history"))
        click.echo(
            f"{output}: trained on {trained.metadata['trained_rows']} seeds, "
            f"{len(trained.metadata['removed_rows'])} of them removed, last loss {trained.last_loss:.4f}"
        )


if __name__ == "__main__":
    train_foreground()
