"""All of the stage `grabcut` but the segmentation, whose place a threshold takes.

Not in the module of a command, since workers on Ray import it by its name.
"""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

import numpy as np

from pipeline.artifacts.seeds import Seeds, write_seeds
from pipeline.foreground.grabcut import GrabCutParams
from pipeline.maps.columns import Arrays, Column, Columns
from pipeline.maps.engine import engine_of
from pipeline.maps.finished import files_of
from pipeline.maps.job import Job, Work
from pipeline.maps.keys import row_keys
from pipeline.store.files import digest_of
from pipeline.store.images import EncodedImages, ImageStore
from pipeline.store.places import Workspace
from pipeline.store.resizing import resize
from pipeline.store.runtime import RuntimeParams


def threshold(params: GrabCutParams) -> Work:
    """Takes the place of segmentation: what is brighter than the image's mean."""
    return partial(_bright, params)


def _bright(params: GrabCutParams, columns: Columns) -> Iterator[Arrays]:
    images = EncodedImages(columns["files"])
    grey = np.stack([resize(images.image(row), params.size, params.size).mean(2) for row in range(len(images))])
    masks = np.where(grey > grey.mean((1, 2), keepdims=True), 255, 0).astype(np.uint8)
    yield {"masks": masks, "failed": np.zeros(len(masks), bool)}


def grabcut_files(workspace: Workspace) -> None:
    """All of the stage `grabcut` but the segmentation."""
    params, runtime = workspace.load("grabcut", GrabCutParams), workspace.load("runtime", RuntimeParams)
    store, names = ImageStore(workspace.existing("images")), dict.fromkeys(("masks", "failed"), "grabcut")
    columns = {"files": Column(store.encoded, np.arange(len(store)))}
    maker, files = digest_of(asdict(params)), files_of(workspace, ["grabcut"])
    scratch, keys = workspace.scratch("grabcut", {"maker": maker}), row_keys(store.image_digests)
    job = Job(columns, keys, maker, store.digest, scratch, files, names)
    with job.finished(engine_of(partial(threshold, params), runtime)) as blocks:
        seeds = (Seeds(**block) for block in blocks)
        write_seeds(files["grabcut"], store.digest, len(store), params.size, seeds, {})
