"""Resizing inside a graph, by the arithmetic of `pipeline.store.resizing`, whatever size the images come in.

OpenCV resizes uint8 in one of two ways, and the graph computes both and keeps one. Where both sides shrink, each pixel
is the mean of the area it covers. Else it is mixed from four neighbours by weights of 11 bits, with intermediate
results cut to whole numbers. The latter comes out bit for bit; a mean that lies exactly between two grey levels may be
rounded the other way, as it depends on the order of a sum.
"""

from typing import NamedTuple

import torch
from torch import Tensor

WEIGHT = 2048
"""What the two weights of a pair of neighbours add up to in OpenCV's fixed-point arithmetic."""


def resized(images: Tensor, side: int) -> Tensor:
    """Resize images to squares, by area when they shrink and linearly when they grow.

    Args:
        images: `(B, C, H, W)` uint8; all of them of one size, which an exported graph leaves open.
        side: Side of the squares, pixels.

    Returns:
        `(B, C, side, side)` uint8.
    """
    height, width = _length(images, 2), _length(images, 3)
    shrinks = height * width > side * side
    linear = _linear(images, _taps(height, side, shrinks), _taps(width, side, shrinks))
    by_area = shrinks & (height >= side) & (width >= side)
    return torch.where(by_area, _area(images, height, width, side), linear).to(torch.uint8)


def _length(images: Tensor, axis: int) -> Tensor:
    """Pixels along an axis, `(1,)` float64, of which a graph can make another number for each batch."""
    return torch.full((1,), images.shape[axis], dtype=torch.float64, device=images.device)


class _Taps(NamedTuple):
    """The two neighbours each pixel is mixed from along one axis.

    Attributes:
        low: `(side,)` int64, the first.
        high: `(side,)` int64, the second.
        low_weight: `(side,)` float64, whole numbers from 0 to `WEIGHT`.
        high_weight: `(side,)` float64, likewise.
    """

    low: Tensor
    high: Tensor
    low_weight: Tensor
    high_weight: Tensor


def _taps(length: Tensor, side: int, shrinks: Tensor) -> _Taps:
    """Neighbours and weights as OpenCV has them for linear resizing and, of images that `shrinks`, by area."""
    inverse = side / length
    scale = 1 / inverse
    places = torch.arange(side, dtype=torch.float64, device=length.device)
    centres = ((places + 0.5) * scale - 0.5).float()
    first = (places * scale).floor()
    beyond = ((places + 1) - (first + 1) * inverse).float()
    beyond = torch.where(beyond > 0, beyond - beyond.floor(), torch.zeros_like(beyond))
    start = torch.where(shrinks, first, centres.floor().double())
    share = torch.where(shrinks, beyond, centres - centres.floor())  # float32, as OpenCV's
    low, high = (torch.minimum(place.clamp(min=0), length - 1).long() for place in (start, start + 1))
    return _Taps(low, high, ((1 - share) * WEIGHT).round().double(), (share * WEIGHT).round().double())


def _linear(images: Tensor, rows: _Taps, columns: _Taps) -> Tensor:
    """Mix four neighbours: `(B, C, side, side)` float64 whole numbers, cut to whole ones where OpenCV shifts bits."""

    def across(line: Tensor) -> Tensor:
        low, high = line.index_select(3, columns.low).double(), line.index_select(3, columns.high).double()
        return ((low * columns.low_weight + high * columns.high_weight) / 16).floor()

    upper, lower = (across(images.index_select(2, place)) for place in (rows.low, rows.high))
    parts = upper * rows.low_weight[:, None], lower * rows.high_weight[:, None]
    return (((parts[0] / 65536).floor() + (parts[1] / 65536).floor() + 2) / 4).floor()


def _area(images: Tensor, height: Tensor, width: Tensor, side: int) -> Tensor:
    """Average the area each pixel covers: `(B, C, side, side)` float64 whole numbers."""
    across = images.float() @ _shares(images.shape[3], width, side).T
    mean = _shares(images.shape[2], height, side) @ across
    halved = (height == 2 * side) & (width == 2 * side)  # of four whole numbers OpenCV rounds one half up
    return torch.where(halved, (mean + 0.5).floor(), mean.round()).double()


def _shares(count: int, length: Tensor, side: int) -> Tensor:
    """What each pixel takes of each of the image's: `(side, count)` float32, rows summing to 1."""
    scale = length / side
    low = torch.arange(side, dtype=torch.float64, device=length.device)[:, None] * scale
    pixels = torch.arange(count, dtype=torch.float64, device=length.device)
    overlap = torch.minimum(pixels + 1, low + scale) - torch.maximum(pixels, low)
    return (overlap.clamp(min=0) / scale).float()
