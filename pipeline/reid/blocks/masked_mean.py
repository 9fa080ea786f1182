"""The mean of a feature map under masks, whatever they stand for: parts or views."""

import torch
from torch import Tensor

LEAST_AREA = 1e-3
"""Cells a mask is taken to cover at least, so that an empty one has the mean 0."""


def mask_guided_mean(features: Tensor, masks: Tensor) -> Tensor:
    """Mean of the features inside each mask, the MGAP of PGAN §3.3; an empty mask gives 0.

    Args:
        features: `(B, C, H, W)` float32.
        masks: `(B, D, H, W)` float32 in [0, 1].

    Returns:
        `(B, D, C)` float32.
    """
    sums = torch.einsum("bchw,bdhw->bdc", features, masks)
    return sums / masks.sum((2, 3)).clamp(min=LEAST_AREA)[..., None]
