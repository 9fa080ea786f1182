"""Resizing inside a graph, by the arithmetic of `pipeline.store.resizing`, whatever size the images come in.

OpenCV resizes uint8 in one of two ways, and the graph computes both and keeps one. Where both sides shrink, each pixel
is the mean of the area it covers. Else it is mixed from four neighbours by weights of 11 bits, with intermediate
results cut to whole numbers. Both come out bit for bit, the order of sums included, because a mean may lie exactly
between two grey levels; only of images that shrink to less than a sixth may a tie be rounded the other way.
"""

from typing import NamedTuple

import torch
from torch import Tensor

WEIGHT = 2048
"""What the two weights of a pair of neighbours add up to in OpenCV's fixed-point arithmetic."""
TAPS = 8
"""Lines that are added in OpenCV's order: enough where an image shrinks to a sixth of its side or less far."""


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
    inverse = torch.full_like(length, side) / length  # a number over a tensor would be a product with its reciprocal
    scale = torch.ones_like(inverse) / inverse
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
    scales = height / torch.full_like(height, side), width / torch.full_like(width, side)
    whole = (scales[0] == scales[0].floor()) & (scales[1] == scales[1].floor())
    across = _summed(images.float().transpose(2, 3), scales[1], side, whole).transpose(2, 3)
    total = _summed(across, scales[0], side, whole)
    size = (scales[0] * scales[1]).float()
    mean = torch.where(whole, total * (torch.ones_like(size) / size), total)
    halved = (scales[0] == 2) & (scales[1] == 2)  # of four whole numbers OpenCV rounds one half up
    return torch.where(halved, (mean + 0.5).floor(), mean.round()).double()


def _summed(lines: Tensor, scale: Tensor, side: int, whole: Tensor) -> Tensor:
    """Sum the lines each of `side` lines covers, by the share it covers of them; means but where `whole`.

    Up to `TAPS` lines are added one after another, as OpenCV does, because a tie hangs on the order of a sum; beyond,
    by a product of matrices.

    Args:
        lines: `(B, C, N, M)` float32, summed along the third axis.
        scale: `(1,)` float64, lines that one covers.
        side: Lines wanted.
        whole: `(1,)` bool, whether scales are whole numbers: then lines are added as they are, to be divided later.

    Returns:
        `(B, C, side, M)` float32.
    """
    count = lines.shape[2]
    low = torch.arange(side, dtype=torch.float64, device=lines.device) * scale
    divisor = torch.where(whole, torch.ones_like(scale), scale)

    def share(line: Tensor, start: Tensor) -> Tensor:
        overlap = torch.minimum(line + 1, start + scale) - torch.maximum(line, start)
        return (overlap.clamp(min=0) / divisor).float()

    total = torch.zeros_like(lines[:, :, :1])
    for tap in range(TAPS):
        line = low.floor() + tap
        taken = lines.index_select(2, line.clamp(max=count - 1).long())
        total = total + taken * share(line, low)[:, None]
    pixels = torch.arange(count, dtype=torch.float64, device=lines.device)
    return torch.where(scale <= TAPS - 2, total, share(pixels, low[:, None]) @ lines)
