"""Part boxes as arrays: clipping, and what is left of them."""

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
