"""Part boxes as a file: ``data/parts/<dataset>.h5``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5, hdf5_writer

SCHEMA = "parts/1"


@dataclass(frozen=True)
class Detections:
    """The parts of one image or several, in the order in which models take them.

    That is by falling score, weighed by class where `detect_parts.class_factors` says so.

    Attributes:
        boxes: `(..., M, 4)` float32, xyxy in [0, 1], each with an area.
        labels: `(..., M)` uint8, index into `PART_CLASSES`.
        scores: `(..., M)` float32 in [0, 1].
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.uint8]
    scores: NDArray[np.float32]

    def some(self, index: Any) -> "Detections":
        """Those at an index of the leading axes, as NumPy takes it."""
        return parts_at({name: getattr(self, name) for name in PART_ARRAYS}, index)


PART_ARRAYS = ("boxes", "labels", "scores")
"""What `Detections` consist of, in this order."""


def no_parts() -> Detections:
    """An image's parts where there are none."""
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.uint8), np.zeros(0, np.float32))


def parts_at(arrays: Mapping[str, Any] | hdf5.Cache, index: Any) -> Detections:
    """Parts at an index of whatever has `PART_ARRAYS` by name: a cache, columns, arrays.

    Args:
        arrays: Name -> array, dataset or column.
        index: As each of them takes it; `()` reads all of an array or a dataset.
    """
    return Detections(*(arrays[name][index] for name in PART_ARRAYS))


def open_parts(path: Path, table: str) -> hdf5.Cache:
    """Open part boxes: ``boxes``, ``labels`` and ``scores`` as `Detections` of all rows has them.

    Args:
        path: The file.
        table: Digest of the image table whose rows it must follow.
    """
    return hdf5.Cache(path, SCHEMA, table)


def write_parts(
    path: Path, table: str, count: int, max_parts: int, batches: Iterable[Detections], made_by: dict[str, str]
) -> None:
    """Write part boxes as they come, whole or not at all.

    Args:
        path: The file.
        table: Digest of the image table whose rows it follows.
        count: Rows in all.
        max_parts: Boxes per image.
        batches: Detections in row order.
        made_by: Digests of weights and parameters.
    """
    with hdf5_writer.create(path, hdf5.Header(SCHEMA, table, made_by, {"max_parts": max_parts})) as cache:
        boxes = cache.rows("boxes", count, (max_parts, 4), np.float32)
        labels = cache.rows("labels", count, (max_parts,), np.uint8)
        scores = cache.rows("scores", count, (max_parts,), np.float32)
        for batch in batches:
            boxes.append(batch.boxes)
            labels.append(batch.labels)
            scores.append(batch.scores)
