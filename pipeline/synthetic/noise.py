"""Tiles of smooth noise that ground, walls, foliage and clouds are textured with."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import blur
from pipeline.synthetic.mesh import Floats

SIDE = 512
"""Cells along each side of a tile, a power of two."""


def noise(grain: int, across: Floats, up: Floats, scale: float) -> Floats:
    """Noise of mean 0 and deviation about 0.5 at positions in metres, repeating every `SIDE / scale` metres.

    Args:
        grain: Width of its blobs, cells.
        across: Positions, any shape.
        up: Positions along the other axis, same shape or one that broadcasts.
        scale: Cells a metre.
    """
    return tile(grain)[_cell(across, scale), _cell(up, scale)]


def _cell(values: Floats, scale: float) -> NDArray[np.int32]:
    """Positions in metres -> indices into a tile."""
    return np.asarray(np.floor(values * scale), np.int64).astype(np.int32) & (SIDE - 1)


@cache
def tile(grain: int) -> Floats:
    """A `(SIDE, SIDE)` float32 tile of noise, mean 0, deviation 0.5, blurred to `grain` cells."""
    drawn = np.random.default_rng(grain).normal(0, 1, (SIDE, SIDE))
    values = np.round(np.clip(32768 + 6000 * drawn, 0, 65535)).astype(np.uint16)
    if grain > 1:
        values = blur(values, grain / 2)
    centered = values - np.round(values.mean())
    return np.asarray(0.5 * centered / np.sqrt((centered * centered).mean()), np.float32)
