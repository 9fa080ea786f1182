"""Part boxes as a re-ID network takes them: the D most confident ones, as masks on a feature map's grid."""

import torch
from torch import Tensor


def top_boxes(boxes: Tensor, d: int) -> Tensor:
    """Return the D most confident boxes of each image, whatever their class and confidence (PGAN §3.2).

    Args:
        boxes: `(..., M, 4)` by falling score, as `data/parts/<dataset>.h5` holds them.
        d: D, from 0 to M.

    Returns:
        `(..., D, 4)`, a view of `boxes`.

    Raises:
        ValueError: Fewer than `d` boxes per image are cached.
    """
    cached = boxes.shape[-2]
    if not 0 <= d <= cached:
        raise ValueError(f"expected a number of parts from 0 to the {cached} cached boxes per image, got {d}")
    return boxes[..., :d, :]


def rasterise(boxes: Tensor, height: int, width: int) -> Tensor:
    """Turn boxes into binary masks on a feature map's grid (the part masks M_i of PGAN §3.2).

    A cell belongs to a box that covers the cell's centre (left and upper edge included). A box that covers no
    centre owns the one cell that holds the box's own centre, so no mask is ever empty.

    Args:
        boxes: `(B, D, 4)` float32, xyxy in [0, 1].
        height: Rows of the grid.
        width: Columns of the grid.

    Returns:
        `(B, D, height, width)` float32, 0 or 1, each mask with at least one 1.
    """
    x1, y1, x2, y2 = boxes[..., None].unbind(-2)  # each (B, D, 1)
    columns = (torch.arange(width, device=boxes.device) + 0.5) / width
    rows = (torch.arange(height, device=boxes.device) + 0.5) / height
    in_column = (columns >= x1) & (columns < x2)  # (B, D, W)
    in_row = (rows >= y1) & (rows < y2)  # (B, D, H)
    covered = in_row[..., None] & in_column[..., None, :]
    at_column = _cell_of((x1 + x2) / 2, width) == torch.arange(width, device=boxes.device)
    at_row = _cell_of((y1 + y2) / 2, height) == torch.arange(height, device=boxes.device)
    own = at_row[..., None] & at_column[..., None, :]
    empty = ~covered.flatten(-2).any(-1)[..., None, None]
    return (covered | (own & empty)).to(boxes.dtype)


def _cell_of(position: Tensor, count: int) -> Tensor:
    """Index of the cell that holds a position in [0, 1], of `count` equal cells."""
    return (position * count).floor().clamp(0, count - 1)
