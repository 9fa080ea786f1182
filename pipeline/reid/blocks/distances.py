"""Distances within a training batch, that of all processes: Euclidean and CPDM."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.networks.devices import gathered

EXACT = "donot_use_mm_for_euclid_dist"


def pairwise_euclidean(features: Tensor) -> Tensor:
    """Euclidean distances within a batch, for training; in float32 under mixed precision too.

    Args:
        features: `(b, C)` float, of this process's share.

    Returns:
        `(B, B)` float32 of all processes' images, exactly 0 between equal features, where the gradient is 0 and not
        infinite.
    """
    return _euclidean(gathered(features))


def _euclidean(features: Tensor) -> Tensor:
    with torch.autocast(features.device.type, enabled=False):
        return torch.cdist(features.float(), features.float(), compute_mode=EXACT)


def pairwise_cpdm(features: Tensor, ratios: Tensor, dimensions: Sequence[int]) -> Tensor:
    """Co-occurrence part-attentive distances within a batch, SPAN (4) and (5), for training.

    Each block of the feature is compared by its un-squared Euclidean distance, not normalised across parts, and
    weighted by the product of both images' area ratios. Images with no view in common are compared by the first,
    global block alone, whose ratio is above 0 in every image; so the weights' sum is too.
    Everything is in float32 under mixed precision too.

    Args:
        features: `(b, C)` float, of this process's share.
        ratios: `(b, P)` float in [0, 1], area ratio of each part, global first.
        dimensions: Lengths of the P blocks of a feature, summing to C.

    Returns:
        `(B, B)` float32 of all processes' images, exactly 0 between equal features, where the gradient is 0 and not
        infinite.
    """
    features, ratios = gathered(features), gathered(ratios.float())
    total = torch.zeros(len(features), len(features), device=features.device)
    for part, block in enumerate(torch.split(features, list(dimensions), 1)):
        weights = ratios[:, part, None] * ratios[:, part]
        total = total + weights * _euclidean(block)
    with torch.autocast(features.device.type, enabled=False):  # it would round the product to 8 bits
        return total / (ratios @ ratios.T)
