"""Predict one foreground probability mask per image (SPAN supplement §1).

Reads `data/images/<dataset>.h5` and `models/foreground/<dataset>.safetensors`; writes `data/foreground/<dataset>.h5`
and its index `data/rows/foreground/<dataset>.h5`.
"""

from dataclasses import asdict
from functools import partial

import click
import numpy as np

from pipeline.artifacts import foreground
from pipeline.foreground import prediction
from pipeline.foreground.network import restore
from pipeline.foreground.trained_on import KIND
from pipeline.maps.columns import Column
from pipeline.maps.keys import row_keys
from pipeline.networks.weights import check_table, load_metadata
from pipeline.prediction.engine import network_engine, network_maker
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from stages.command import dataset_option, stage
from stages.mapping import job_of


@stage
@dataset_option
def predict_foreground(workspace: Workspace) -> None:
    """Write the foreground mask of every image."""
    params = workspace.load("predict_foreground", prediction.ForegroundPredictionParams)
    runtime = workspace.load("runtime", RuntimeParams)
    store, weights = ImageStore(current(workspace, "images")), current(workspace, "foreground_network")
    check_table(weights, load_metadata(weights, KIND), store.digest)
    network, columns = restore(weights), {"files": Column(store.encoded, np.arange(len(store)))}
    engine = network_engine(partial(prediction.predict_rows, network, params), runtime)
    if not engine.writes:
        return engine.take_part(columns)
    maker = network_maker(weights, KIND, network, params, runtime, prediction.__name__, foreground.__name__)
    keys, names = row_keys(store.image_digests), {"masks": "foreground"}
    job = job_of(workspace, names, store.digest, columns, keys, maker, runtime, params.batch_size)
    makers = {"foreground": file_digest(weights), "params": digest_of(asdict(params))}
    made_by = makers | origin_of(workspace, "foreground")
    with job.finished(engine) as blocks:
        masks, output = (block["masks"] for block in blocks), job.files["foreground"]
        foreground.write_foreground(output, store.digest, len(store), params.size, masks, made_by)
    click.echo(f"{output}: {len(store)} masks of {params.size} x {params.size} pixels")


if __name__ == "__main__":
    predict_foreground()
