"""Train the workspace's part detector (SSD, PGAN §3.2) on the annotated images of one data set.

Reads `data/images/<dataset>.h5`; writes `models/detector.safetensors` and its training history.
"""

from dataclasses import asdict, replace

import click

from pipeline.networks.runtime import start
from pipeline.parts.trained_on import KIND
from pipeline.parts.training import DetectorTrainingParams, train
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from stages.command import dataset_option, stage


@stage
@dataset_option
def train_detector(workspace: Workspace) -> None:
    """Train the part detector; one serves every data set of the workspace."""
    params = workspace.load("train_detector", DetectorTrainingParams)
    workspace.check_chosen("train_detector", params.dataset)
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime, workspace.logs("train_detector"))
    store = ImageStore(current(workspace, "images"))
    inputs = {"table": store.digest, "params": asdict(params), **runtime.arithmetic}
    origin = origin_of(workspace, "detector")
    trained = train(store, params, runtime, fabric, workspace.scratch("train_detector", inputs))
    trained = replace(trained, metadata=trained.metadata | {"origin": origin})
    if fabric.is_global_zero:
        trained.write(output := workspace.path("detector"), KIND, workspace.path("detector_history"))
        click.echo(
            f"{output}: trained on {len(trained.metadata['trained_images'])} images, "
            f"{len(trained.metadata['held_back'])} held back, last loss {trained.last_loss:.3f}"
        )


if __name__ == "__main__":
    train_detector()
