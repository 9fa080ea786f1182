"""The nearest gallery images of every query as a file: ``data/evaluation/<dataset>/<model>/ranking.h5``."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5, hdf5_writer
from pipeline.store.origin import MADE_FOR

SCHEMA = "ranking/2"


class Ranking(NamedTuple):
    """The R nearest gallery images of Q queries.

    Attributes:
        rows: `(Q,)` int64 row of each query.
        gallery: `(Q, R)` int64 rows of its nearest gallery images, nearest first, -1 where fewer are left.
        distances: `(Q, R)` float32, infinite where fewer are left.
        match: `(Q, R)` bool, whether each shows the query's vehicle.
        view_weights: `(Q, R, P)` float32 in [0, 1], how much each of the first P `BLOCKS` counted for the pair, w of
            SPAN (4), summing to 1; 0 where fewer are left. P is 0 for models that do not compare views apart.
        view_distances: `(Q, R, P)` float32, their Euclidean distances, of which `distances` is the weighted sum, SPAN
            (5), unless queries were expanded or re-ranked; 0 where fewer are left.
    """

    rows: NDArray[np.int64]
    gallery: NDArray[np.int64]
    distances: NDArray[np.float32]
    match: NDArray[np.bool_]
    view_weights: NDArray[np.float32]
    view_distances: NDArray[np.float32]


def write_ranking(path: Path, table: str, ranking: Ranking, made_by: dict[str, str]) -> None:
    """Write a ranking, whole or not at all.

    Args:
        path: The file.
        table: Digest of the image table whose rows it names.
        ranking: What to write.
        made_by: Digest of the features.
    """
    with hdf5_writer.create(path, hdf5.Header(SCHEMA, table, made_by)) as cache:
        for name, values in ranking._asdict().items():
            cache.array(name, values)


def read_ranking(path: Path, table: str, made_for: str | None = None) -> Ranking:
    """Read a ranking.

    Args:
        path: The file.
        table: Digest of the image table whose rows it names.
        made_for: Data set and model it must be of, as ``fleet/pgan``; None skips that check.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is of another kind or another model, or follows another image table.
    """
    with hdf5.Cache(path, SCHEMA, table) as cache:
        found = cache.header.made_by.get(MADE_FOR, made_for)
        if made_for is not None and found != made_for:
            raise ValueError(f"{path}: expected the ranking of {made_for!r}, got that of {found!r}")
        return Ranking(*(cache[name][()] for name in Ranking._fields))
