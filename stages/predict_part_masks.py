"""Predict the front, rear and side masks of every image and their area ratios (SPAN §3.1, §3.3).

Reads `data/images/<dataset>.h5`, `data/foreground/<dataset>.h5` and `models/span.safetensors`; writes
`data/part_masks/<dataset>.h5`.
"""

from dataclasses import asdict

import click

from pipeline.artifacts.foreground import open_foreground
from pipeline.artifacts.views import write_views
from pipeline.networks.devices import take_part
from pipeline.networks.runtime import RuntimeParams, start
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.vocabulary import VIEWS
from pipeline.views.network import restore
from pipeline.views.prediction import ViewPredictionParams, predict
from stages.command import dataset_option, stage


@stage
@dataset_option
def predict_part_masks(workspace: Workspace) -> None:
    """Write the view masks and area ratios of every image."""
    params = workspace.load("predict_part_masks", ViewPredictionParams)
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime)
    store, weights = ImageStore(current(workspace, "images")), current(workspace, "span")
    foreground = open_foreground(current(workspace, "foreground"), store.digest)
    masks = predict(restore(weights, VIEWS), store, foreground, params, runtime, fabric)
    makers = {"foreground": file_digest(foreground.path), "span": file_digest(weights)}
    made_by = {**makers, "params": digest_of(asdict(params)), **origin_of(workspace, "part_masks")}
    if not fabric.is_global_zero:
        return take_part(masks)
    write_views(output := workspace.path("part_masks"), store.digest, len(store), params.size, masks, made_by)
    click.echo(f"{output}: three view masks of {params.size} x {params.size} for each of {len(store)} images")


if __name__ == "__main__":
    predict_part_masks()
