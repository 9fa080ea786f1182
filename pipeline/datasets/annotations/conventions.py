"""How the four numbers of a box are meant, and how to tell that they are meant otherwise."""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.datasets.annotations.images import AnnotatedImage

Convention = Literal["xywh", "xyxy", "centre", "xywh_shares", "xyxy_shares", "centre_shares", "voc"]
"""``xywh``: left, top, width, height (COCO); ``xyxy``: left, top, right, bottom; ``centre``: centre, width, height; in
pixels from the upper left corner of the image, or as shares of its width and height (``centre_shares`` is YOLO's);
``voc``: the first and the last pixel of each axis, counted from 1 (Pascal VOC)."""

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)

_SLACK = 1.0, 0.01
"""Pixels, and share of the side, by which a box may leave its image before it counts as misplaced."""


def corners(numbers: ArrayLike, convention: Convention, size: tuple[int, int]) -> NDArray[np.float64]:
    """Boxes `(M, 4)` float64, xyxy in pixels from the upper left corner of the image.

    Args:
        numbers: `(M, 4)`, as written.
        convention: What they mean.
        size: Height and width of the image, pixels.
    """
    boxes = np.array(numbers, np.float64).reshape(-1, 4)
    if convention == "voc":
        return boxes - [1, 1, 0, 0]
    kind, _, unit = convention.partition("_")
    first, second = boxes[:, :2], boxes[:, 2:]
    if kind == "xywh":
        second = first + second
    elif kind == "centre":
        first, second = first - second / 2, first + second / 2
    height, width = size
    return np.hstack([first, second]) * ([width, height, width, height] if unit else 1)


def misplaced(images: Iterable[AnnotatedImage]) -> tuple[int, int]:
    """How many boxes leave their image, have no area or are smaller than a pixel; and how many there are."""
    wrong, total = 0, 0
    for image in images:
        height, width = image.size
        slack = _SLACK[0] + _SLACK[1] * np.array([width, height])
        low, high = image.boxes[:, :2], image.boxes[:, 2:]
        outside = (low < -slack).any(1) | (high > [width, height] + slack).any(1)
        empty = (high <= low).any(1) | (high - low < 1).all(1)
        wrong, total = wrong + int((outside | empty).sum()), total + len(image.boxes)
    return wrong, total
