"""Predict the front, rear and side masks of every image and their area ratios (SPAN §3.1, §3.3).

Reads `data/images/<dataset>.h5`, `data/foreground/<dataset>.h5` and `models/span.safetensors`; writes
`data/part_masks/<dataset>.h5` and its index `data/rows/part_masks/<dataset>.h5`.
"""

from dataclasses import asdict
from functools import partial

import click
import numpy as np

from pipeline.artifacts import views
from pipeline.artifacts.foreground import maker_of, open_foreground
from pipeline.maps.columns import Column
from pipeline.maps.keys import row_keys
from pipeline.prediction.engine import network_engine, network_maker
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from pipeline.store.vocabulary import VIEWS
from pipeline.views import prediction
from pipeline.views.network import restore
from pipeline.views.trained_on import KIND
from stages.command import dataset_option, stage
from stages.mapping import job_of


@stage
@dataset_option
def predict_part_masks(workspace: Workspace) -> None:
    """Write the view masks and area ratios of every image."""
    params = workspace.load("predict_part_masks", prediction.ViewPredictionParams)
    runtime = workspace.load("runtime", RuntimeParams)
    store, weights = ImageStore(current(workspace, "images")), current(workspace, "span")
    foreground, rows = open_foreground(current(workspace, "foreground"), store.digest), np.arange(len(store))
    read = {"foreground": Column(partial(foreground.row, "masks"), rows)} if params.within_foreground else {}
    span, columns = restore(weights, VIEWS), {"files": Column(store.encoded, rows), **read}
    engine = network_engine(partial(prediction.predict_rows, span, params), runtime)
    if not engine.writes:
        return engine.take_part(columns)
    maker = network_maker(weights, KIND, span, params, runtime, prediction.__name__, views.__name__)
    keys, names = row_keys(store.image_digests, list(read.values())), {"masks": "part_masks"}
    job = job_of(workspace, names, store.digest, columns, keys, maker, runtime, params.batch_size)
    makers = {"foreground": maker_of(foreground), "span": file_digest(weights)}
    made_by = {**makers, "params": digest_of(asdict(params)), **origin_of(workspace, "part_masks")}
    with job.finished(engine) as blocks:
        masks, output = (block["masks"] for block in blocks), job.files["part_masks"]
        views.write_views(output, store.digest, len(store), params.size, masks, made_by)
    click.echo(f"{output}: three view masks of {params.size} x {params.size} for each of {len(store)} images")


if __name__ == "__main__":
    predict_part_masks()
