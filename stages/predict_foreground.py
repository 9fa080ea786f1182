"""Predict one foreground probability mask per image (SPAN supplement §1).

Reads `data/images/<dataset>.h5` and `models/foreground/<dataset>.safetensors`; writes `data/foreground/<dataset>.h5`.
"""

from dataclasses import asdict

import click

from pipeline.artifacts.foreground import write_foreground
from pipeline.foreground.network import restore
from pipeline.foreground.prediction import ForegroundPredictionParams, predict
from pipeline.foreground.trained_on import KIND
from pipeline.networks.devices import take_part
from pipeline.networks.runtime import RuntimeParams, start
from pipeline.networks.weights import check_table, load_metadata
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from stages.command import dataset_option, stage


@stage
@dataset_option
def predict_foreground(workspace: Workspace) -> None:
    """Write the foreground mask of every image."""
    params = workspace.load("predict_foreground", ForegroundPredictionParams)
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime)
    store, weights = ImageStore(current(workspace, "images")), current(workspace, "foreground_network")
    check_table(weights, load_metadata(weights, KIND), store.digest)
    masks = predict(restore(weights), store, params, runtime, fabric)
    makers = {"foreground": file_digest(weights), "params": digest_of(asdict(params))}
    made_by = makers | origin_of(workspace, "foreground")
    if not fabric.is_global_zero:
        return take_part(masks)
    write_foreground(output := workspace.path("foreground"), store.digest, len(store), params.size, masks, made_by)
    click.echo(f"{output}: {len(store)} masks of {params.size} x {params.size} pixels")


if __name__ == "__main__":
    predict_foreground()
