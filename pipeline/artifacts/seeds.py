"""Seed masks as a file: ``data/grabcut/<dataset>.h5``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5, hdf5_writer

SCHEMA = "grabcut/1"


@dataclass(frozen=True)
class Seeds:
    """Seed masks of some rows.

    Attributes:
        masks: `(R, S, S)` uint8, 0 or 255.
        failed: `(R,)` bool, which masks cannot be trusted.
    """

    masks: NDArray[np.uint8]
    failed: NDArray[np.bool_]

    @property
    def shares(self) -> NDArray[np.float32]:
        """Foreground share of each mask, `(R,)` float32 in [0, 1]."""
        return np.asarray((self.masks > 0).mean((1, 2)), np.float32)


def open_seeds(path: Path, table: str) -> hdf5.Cache:
    """Open seed masks.

    The file holds ``masks`` `(N, S, S)` uint8, 0 or 255, ``failed`` `(N,)` bool and ``foreground_share`` `(N,)`
    float32.

    Args:
        path: The file.
        table: Digest of the image table whose rows it must follow.
    """
    return hdf5.Cache(path, SCHEMA, table)


def write_seeds(path: Path, table: str, count: int, size: int, shards: Iterable[Seeds], made_by: dict[str, str]) -> int:
    """Write seed masks as they come, whole or not at all.

    Args:
        path: The file.
        table: Digest of the image table whose rows it follows.
        count: Rows in all.
        size: Side of the masks, pixels.
        shards: Seeds of the rows, in order.
        made_by: Digest of the parameters.

    Returns:
        The number of failed masks.
    """
    failures = 0
    with hdf5_writer.create(path, hdf5.Header(SCHEMA, table, made_by, notes={"size": size})) as cache:
        masks = cache.rows("masks", count, (size, size), np.uint8, compress=True)
        failed = cache.rows("failed", count, (), np.bool_)
        shares = cache.rows("foreground_share", count, (), np.float32)
        for seeds in shards:
            masks.append(seeds.masks)
            failed.append(seeds.failed)
            shares.append(seeds.shares)
            failures += int(seeds.failed.sum())
    return failures
