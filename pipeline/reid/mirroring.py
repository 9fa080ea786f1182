"""An image and its mirror image as two sights of one vehicle, whose features are averaged."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pipeline.reid.network import ReidBatch


def mirrored(batch: ReidBatch) -> ReidBatch:
    """The same images left to right, with their boxes and view masks; front and rear never trade places."""
    x1, y1, x2, y2 = batch.boxes.unbind(-1)
    boxes = torch.stack([1 - x2, y1, 1 - x1, y2], -1)
    return batch._replace(images=batch.images.flip(-1), boxes=boxes, masks=batch.masks.flip(-1))


def mean_of_both(features: Tensor, others: Tensor, dimensions: Sequence[int]) -> Tensor:
    """Mean of two features of each image, each block made as long as the two are on average.

    So blocks of length 1, which a mean would shorten the more the two differ, keep their length and their say in the
    distance.

    Args:
        features: `(B, C)` float, of the images.
        others: `(B, C)` float, of their mirror images.
        dimensions: Lengths of the blocks, summing to C.

    Returns:
        `(B, C)` float32.
    """
    means = []
    for pair in zip(*(torch.split(each.float(), list(dimensions), 1) for each in (features, others)), strict=True):
        length = sum(block.norm(dim=1, keepdim=True) for block in pair) / 2
        means.append(normalize(pair[0] + pair[1]) * length)
    return torch.cat(means, 1)
