"""Detect the parts of every image of a data set and keep the most confident boxes (PGAN §3.2).

Reads `data/images/<dataset>.h5` and `models/detector.safetensors`; writes `data/parts/<dataset>.h5` and its index
`data/rows/parts/<dataset>.h5`.
"""

from dataclasses import asdict
from functools import partial

import click
import numpy as np

from pipeline.artifacts import parts
from pipeline.maps.columns import Column
from pipeline.maps.keys import row_keys
from pipeline.parts import detection
from pipeline.parts.network import restore
from pipeline.parts.trained_on import KIND
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
def detect_parts(workspace: Workspace) -> None:
    """Write the `max_parts` most confident part boxes of every image."""
    params = workspace.load("detect_parts", detection.PartDetectionParams)
    runtime = workspace.load("runtime", RuntimeParams)
    store, weights = ImageStore(current(workspace, "images")), current(workspace, "detector")
    detector, columns = restore(weights), {"files": Column(store.encoded, np.arange(len(store)))}
    engine = network_engine(partial(detection.detect_rows, detector, params), runtime)
    if not engine.writes:
        return engine.take_part(columns)
    maker = network_maker(weights, KIND, detector, params, runtime, detection.__name__, parts.__name__)
    keys, names = row_keys(store.image_digests), dict.fromkeys(parts.PART_ARRAYS, "parts")
    job = job_of(workspace, names, store.digest, columns, keys, maker, runtime, params.batch_size)
    made_by = {"detector": file_digest(weights), "params": digest_of(asdict(params)), **origin_of(workspace, "parts")}
    with job.finished(engine) as blocks:
        found, output = (parts.Detections(**block) for block in blocks), job.files["parts"]
        parts.write_parts(output, store.digest, len(store), params.max_parts, found, made_by)
    click.echo(f"{output}: {params.max_parts} part boxes for each of {len(store)} images")


if __name__ == "__main__":
    detect_parts()
