"""Features of queries and gallery as a file: written as a stream, read without any network."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5, hdf5_writer

SCHEMA = "features/1"


@dataclass(frozen=True)
class Features:
    """Features of some rows of the image table.

    Attributes:
        rows: `(M,)` int64 rows of the table.
        features: `(M, C)` float32.
        area_ratios: `(M, P)` float32, the whole's first; `(M, 0)` where the model does not compare views apart.
        distance: How features compare, a key of `pipeline.retrieval.distances.DISTANCES`.
        dimensions: Lengths of the blocks of a feature, summing to C.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    area_ratios: NDArray[np.float32]
    distance: str
    dimensions: tuple[int, ...]

    def some(self, positions: NDArray[np.int64]) -> "Features":
        """Those at some positions, which may repeat."""
        return replace(
            self,
            rows=self.rows[positions],
            features=self.features[positions],
            area_ratios=self.area_ratios[positions],
        )


def header_of(
    model: str, distance: str, dimensions: tuple[int, ...], table: str, weights: str, *, mirrored_too: bool = False
) -> hdf5.Header:
    """Header of a features file.

    Args:
        model: Name of the model.
        distance: How features compare, a key of `pipeline.retrieval.distances.DISTANCES`.
        dimensions: Lengths of the blocks of a feature.
        table: Digest of the image table.
        weights: Digest of the model's weights.
        mirrored_too: Whether each is the mean of an image's and its mirror image's.
    """
    notes = {"model": model, "distance": distance, "dimensions": list(dimensions), "mirrored_too": mirrored_too}
    return hdf5.Header(SCHEMA, table, {"weights": weights}, notes)


def write_features(
    path: Path,
    header: hdf5.Header,
    rows: NDArray[np.int64],
    batches: Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]],
    *,
    ratio_count: int,
) -> None:
    """Write features as they come, whole or not at all.

    Args:
        path: ``data/features/<dataset>/<model>.h5``.
        header: From `header_of`.
        rows: `(M,)` rows of the table, as embedded.
        batches: What `pipeline.reid.embedding.embed` yields.
        ratio_count: P, area ratios of each image; 0: none are written.
    """
    with hdf5_writer.create(path, header) as cache:
        cache.array("rows", rows)
        features = cache.rows("features", len(rows), (sum(header.notes["dimensions"]),), np.float32)
        ratios = cache.rows("area_ratios", len(rows), (ratio_count,), np.float32) if ratio_count else None
        for feature, area_ratios in batches:
            features.append(feature)
            if ratios is not None:
                ratios.append(area_ratios)


def open_features(path: Path, table: str) -> hdf5.Cache:
    """Open a features file to read it block by block; raises as `read_features`."""
    return hdf5.Cache(path, SCHEMA, table)


def read_features(path: Path, table: str) -> tuple[Features, hdf5.Header]:
    """Read a features file and its header.

    Raises:
        ValueError: It is of another kind or follows another image table.
    """
    with open_features(path, table) as cache:
        rows, features = cache["rows"][()], cache["features"][()]
        ratios = cache["area_ratios"][()] if "area_ratios" in cache else np.zeros((len(rows), 0), np.float32)
        notes = cache.header.notes
        return Features(rows, features, ratios, notes["distance"], tuple(notes["dimensions"])), cache.header
