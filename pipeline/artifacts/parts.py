"""Part boxes as a file: ``data/parts/<dataset>.h5``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.store.hdf5 import Header, create
from pipeline.store.images import ImageStore

SCHEMA = "parts/1"


@dataclass(frozen=True)
class Detections:
    """The parts of one image or several, by falling score.

    Attributes:
        boxes: `(..., M, 4)` float32, xyxy in [0, 1], each with an area.
        labels: `(..., M)` uint8, index into `PART_CLASSES`.
        scores: `(..., M)` float32 in [0, 1].
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.uint8]
    scores: NDArray[np.float32]


def write_parts(
    path: Path, store: ImageStore, found: Iterable[Detections], max_parts: int, made_by: dict[str, str]
) -> None:
    """Write the part cache of a data set, whole or not at all.

    Args:
        path: The file.
        store: The images the detections belong to.
        found: Batches of detections in row order, as `detect` yields them.
        max_parts: Boxes an image.
        made_by: Digests of what they were made with.
    """
    header = Header(SCHEMA, store.digest, made_by, {"max_parts": max_parts})
    with create(path, header) as cache:
        boxes = cache.rows("boxes", len(store), (max_parts, 4), np.float32)
        labels = cache.rows("labels", len(store), (max_parts,), np.uint8)
        scores = cache.rows("scores", len(store), (max_parts,), np.float32)
        for batch in found:
            boxes.append(batch.boxes)
            labels.append(batch.labels)
            scores.append(batch.scores)
