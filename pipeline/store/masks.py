"""Masks as arrays: binary at any size, and how much two of them share."""

import numpy as np
from numpy.typing import NDArray

from pipeline.store.resizing import resize


def binarise(mask: NDArray[np.uint8], height: int, width: int) -> NDArray[np.bool_]:
    """Bring a mask to `(height, width)` and tell where it is set.

    Args:
        mask: `(S, S)` uint8 in [0, 255].
        height: Target height, pixels.
        width: Target width, pixels.
    """
    return resize(mask, height, width) >= 128


def intersection_over_union(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Shared pixels over the pixels of either, in [0, 1]; NaN when both are empty.

    Args:
        first: Pixels of one mask, bool of any shape.
        second: Pixels of the other, bool of the same shape.
    """
    return _ratio(first & second, first | second)


def _ratio(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    pixels = np.count_nonzero(whole)
    return float(np.count_nonzero(part) / pixels) if pixels else float("nan")
