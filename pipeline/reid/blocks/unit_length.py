"""Features of length 1, as distances and averages of them expect, in mixed precision too."""

import torch
from torch import Tensor
from torch.nn.functional import normalize


def unit_length(features: Tensor) -> Tensor:
    """Scale to Euclidean length 1 along the last axis, in float32: in bf16 lengths would be off by up to 0.004.

    Args:
        features: `(..., C)` float.

    Returns:
        `(..., C)` float32; features of 0 stay 0.
    """
    with torch.autocast(features.device.type, enabled=False):
        return normalize(features.float(), dim=-1)
