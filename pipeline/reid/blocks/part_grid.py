"""Parts and views as a re-ID network takes them: masks on a feature map's grid, where its cells look."""

import torch
from torch import Tensor

from pipeline.networks.cells import Cells


def top_boxes(boxes: Tensor, d: int) -> Tensor:
    """Return the D most confident boxes of each image, whatever their class and confidence (PGAN §3.2).

    Args:
        boxes: `(..., M, 4)` in the order of `data/parts/<dataset>.h5`.
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


def rasterise(boxes: Tensor, cells: Cells) -> Tensor:
    """Turn boxes into binary masks on a feature map's grid (the part masks M_i of PGAN §3.2).

    A cell belongs to a box that covers the point where the cell looks (left and upper edge included). A box that covers
    none owns the one cell that looks nearest to the box's own centre, so no mask is ever empty. Equal cells of the
    image would lie up to half a cell off what a padded network sees.

    Args:
        boxes: `(B, D, 4)` float32, xyxy in [0, 1].
        cells: Of the map, along both axes.

    Returns:
        `(B, D, cells.count, cells.count)` float32, 0 or 1, each mask with at least one 1.
    """
    x1, y1, x2, y2 = boxes[..., None].unbind(-2)  # each (B, D, 1)
    centres, numbers = cells.centres(boxes.device), torch.arange(cells.count, device=boxes.device)
    in_column = (centres >= x1) & (centres < x2)  # (B, D, W)
    in_row = (centres >= y1) & (centres < y2)  # (B, D, H)
    covered = in_row[..., None] & in_column[..., None, :]
    at_column, at_row = cells.nearest((x1 + x2) / 2) == numbers, cells.nearest((y1 + y2) / 2) == numbers
    own = at_row[..., None] & at_column[..., None, :]
    empty = ~covered.flatten(-2).any(-1)[..., None, None]
    return (covered | (own & empty)).to(boxes.dtype)


def average_masks(masks: Tensor, cells: Cells) -> Tensor:
    """View masks on a feature map's grid: of each cell, the mean over the window of one step around where it looks.

    Args:
        masks: `(B, K, T, T)` uint8, 255 is certain.
        cells: Of the map, along both axes.

    Returns:
        `(B, K, cells.count, cells.count)` float32 in [0, 1].
    """
    weights = cells.averaging(masks.shape[-1], masks.device)  # (h, T)
    return torch.einsum("it,bktu,ju->bkij", weights, masks.float() / 255, weights)
