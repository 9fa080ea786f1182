"""Part boxes as arrays: clipping, and what is left of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def clip_boxes(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Clip boxes to the image.

    Args:
        boxes: `(..., 4)` float32, xyxy in units of the image's width and height, possibly outside it.

    Returns:
        The same shape, in [0, 1]; a box outside the image has no area left.
    """
    return np.clip(boxes, np.float32(0), np.float32(1))


def have_area(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each box `(..., 4)`, xyxy, has a positive width and height: `(...)` bool."""
    return np.asarray((boxes[..., 2] > boxes[..., 0]) & (boxes[..., 3] > boxes[..., 1]))


@dataclass(frozen=True)
class PartBoxes:
    """Annotated parts of one image.

    Attributes:
        boxes: `(M, 4)` float32, xyxy in [0, 1] of the upright image's width and height.
        labels: `(M,)` uint8, index into `PART_CLASSES`.
        size: Height and width, pixels, of the image they were drawn on, checked against the decoded one; None
            skips the check.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.uint8]
    size: tuple[int, int] | None = None


def flip_boxes(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mirror boxes left to right.

    Args:
        boxes: `(..., 4)` float32, xyxy in [0, 1].

    Returns:
        The same shape; x1 and x2 trade places so that boxes stay ordered.
    """
    mirrored = boxes.copy()
    mirrored[..., 0], mirrored[..., 2] = 1 - boxes[..., 2], 1 - boxes[..., 0]
    return mirrored
