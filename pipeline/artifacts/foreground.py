"""Foreground masks as a file: ``data/foreground/<dataset>.h5``."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5, hdf5_writer
from pipeline.store.files import digest_of
from pipeline.store.origin import by_content

SCHEMA = "foreground/1"


def open_foreground(path: Path, table: str | None = None) -> hdf5.Cache:
    """Open foreground masks: ``masks`` `(N, S, S)` uint8, probability x 255.

    Args:
        path: The file.
        table: Digest of the image table whose rows it must follow; None skips that check.
    """
    return hdf5.Cache(path, SCHEMA, table)


def maker_of(cache: hdf5.Cache) -> str:
    """Digest of what made foreground masks, whatever their images: by one maker an image has one mask."""
    return digest_of(by_content(cache.header.made_by))


def write_foreground(
    path: Path, table: str, count: int, size: int, batches: Iterable[NDArray[np.uint8]], made_by: dict[str, str]
) -> None:
    """Write foreground masks as they come, whole or not at all.

    Args:
        path: The file.
        table: Digest of the image table whose rows it follows.
        count: Rows in all.
        size: Side of the masks, pixels.
        batches: `(B, size, size)` uint8, probability x 255, in row order.
        made_by: Digests of weights and parameters.
    """
    with hdf5_writer.create(path, hdf5.Header(SCHEMA, table, made_by, notes={"size": size})) as cache:
        rows = cache.rows("masks", count, (size, size), np.uint8, compress=True)
        for batch in batches:
            rows.append(batch)
