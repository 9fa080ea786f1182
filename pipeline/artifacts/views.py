"""View masks and their area ratios as a file: ``data/part_masks/<dataset>.h5``."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5, hdf5_writer
from pipeline.store.vocabulary import VIEWS

SCHEMA = "part_masks/1"


def open_views(path: Path, table: str) -> hdf5.Cache:
    """Open view masks: ``masks`` `(N, 3, S, S)` uint8, probability x 255, and ``area_ratios`` `(N, 3)` float32.

    Args:
        path: The file.
        table: Digest of the image table whose rows it must follow.
    """
    return hdf5.Cache(path, SCHEMA, table)


def area_ratios(masks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Area of each view's mask (its L1 norm) relative to the sum of them all (SPAN §3.3).

    Args:
        masks: `(B, 3, S, S)` uint8.

    Returns:
        `(B, 3)` float32 in [0, 1]; all 0 for an image whose masks are all empty.
    """
    areas = masks.sum((2, 3), dtype=np.float64)
    whole = areas.sum(1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(areas, whole, out=np.zeros_like(areas), where=whole > 0)
    return shares.astype(np.float32)


def write_views(
    path: Path, table: str, count: int, size: int, batches: Iterable[NDArray[np.uint8]], made_by: dict[str, str]
) -> None:
    """Write view masks and their area ratios as they come, whole or not at all.

    Args:
        path: The file.
        table: Digest of the image table whose rows it follows.
        count: Rows in all.
        size: Side of the masks, pixels.
        batches: `(B, 3, size, size)` uint8, probability x 255, in row order.
        made_by: Digests of weights, parameters and foreground masks.
    """
    with hdf5_writer.create(path, hdf5.Header(SCHEMA, table, made_by)) as cache:
        masks = cache.rows("masks", count, (len(VIEWS), size, size), np.uint8, compress=True)
        ratios = cache.rows("area_ratios", count, (len(VIEWS),), np.float32)
        for batch in batches:
            masks.append(batch)
            ratios.append(area_ratios(batch))
