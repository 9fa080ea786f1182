"""Foreground masks as a file: ``data/foreground/<dataset>.h5``."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5
from pipeline.store.images import ImageStore

SCHEMA = "foreground/1"


def write_foreground(
    path: Path, store: ImageStore, masks: Iterator[NDArray[np.uint8]], size: int, made_by: dict[str, str]
) -> None:
    """Write the cache ``foreground/1``: `masks` `(N, size, size)` uint8, probability x 255.

    Args:
        path: The file to write.
        store: The images whose rows it follows.
        masks: Batches in row order, from `predict`.
        size: Side of the masks, pixels.
        made_by: Digests of weights and parameters.
    """
    with hdf5.create(path, hdf5.Header(SCHEMA, store.digest, made_by, notes={"size": size})) as cache:
        rows = cache.rows("masks", len(store), (size, size), np.uint8, compress=True)
        for batch in masks:
            rows.append(batch)
