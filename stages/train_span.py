"""Train the workspace's SPAN from the image-level viewpoints of one data set (SPAN §3.1, §4.2).

Reads `data/images/<dataset>.h5` and `data/foreground/<dataset>.h5`; writes `models/span.safetensors` and its training
history.
"""

from dataclasses import asdict, replace

import click

from pipeline.artifacts.foreground import open_foreground
from pipeline.networks.runtime import start
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from pipeline.views.labels import viewpoint_labels
from pipeline.views.trained_on import KIND
from pipeline.views.training import SpanTrainingParams, train
from stages.command import dataset_option, stage


@stage
@dataset_option
def train_span(workspace: Workspace) -> None:
    """Train SPAN; one serves every data set of the workspace."""
    params = workspace.load("train_span", SpanTrainingParams)
    workspace.check_chosen("train_span", params.dataset)
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime, workspace.logs("train_span"))
    store = ImageStore(current(workspace, "images"))
    masks = open_foreground(current(workspace, "foreground"), store.digest)
    inputs = {"table": store.digest, "foreground": file_digest(masks.path)}
    scratch = workspace.scratch("train_span", {**inputs, "params": asdict(params), **runtime.arithmetic})
    origin = origin_of(workspace, "span")
    trained = train(store, viewpoint_labels(store), masks, params, runtime, fabric, scratch)
    trained = replace(trained, metadata=trained.metadata | inputs | {"origin": origin})
    if fabric.is_global_zero:
        trained.write(output := workspace.path("span"), KIND, workspace.path("span_history"))
        click.echo(f"{output}: trained on {trained.metadata['images']} images, last loss {trained.last_loss:.3f}")


if __name__ == "__main__":
    train_span()
