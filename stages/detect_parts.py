"""Detect the parts of every image of a data set and keep the most confident boxes (PGAN §3.2).

Reads `data/images/<dataset>.h5` and `models/detector.safetensors`; writes `data/parts/<dataset>.h5`.
"""

from dataclasses import asdict

import click

from pipeline.artifacts.parts import write_parts
from pipeline.networks.devices import take_part
from pipeline.networks.runtime import RuntimeParams, start
from pipeline.parts.detection import PartDetectionParams, detect
from pipeline.parts.network import restore
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from stages.command import dataset_option, stage


@stage
@dataset_option
def detect_parts(workspace: Workspace) -> None:
    """Write the `max_parts` most confident part boxes of every image."""
    params = workspace.load("detect_parts", PartDetectionParams)
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime)
    store, weights = ImageStore(current(workspace, "images")), current(workspace, "detector")
    found = detect(restore(weights), store, params, runtime, fabric)
    made_by = {"detector": file_digest(weights), "params": digest_of(asdict(params)), **origin_of(workspace, "parts")}
    if not fabric.is_global_zero:
        return take_part(found)
    write_parts(output := workspace.path("parts"), store.digest, len(store), params.max_parts, found, made_by)
    click.echo(f"{output}: {params.max_parts} part boxes for each of {len(store)} images")


if __name__ == "__main__":
    detect_parts()
