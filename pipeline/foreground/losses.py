"""Losses of the foreground network on noisy seed masks, and the rule that finds abnormal samples (SPAN suppl. §1)."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

MAD_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


def mask_losses(logits: Tensor, targets: Tensor, kind: Literal["mse", "bce"]) -> Tensor:
    """Loss of each sample, a mean over its pixels.

    Args:
        logits: `(B, s, s)` float32 log-odds of foreground.
        targets: `(B, s, s)` float32 in [0, 1].
        kind: ``mse`` compares probabilities (SPAN's release); ``bce`` is the binary cross-entropy, which punishes
            confident contradiction of a wrong seed more.

    Returns:
        `(B,)` float32.
    """
    if kind == "mse":
        return (logits.sigmoid() - targets).square().mean((1, 2))
    return binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((1, 2))


def abnormal(losses: Tensor, deviations: float) -> Tensor:
    """Tell which samples have an abnormally large loss.

    The paper removes "abnormal huge loss" and gives no rule; this one is robust to the abnormal samples
    themselves: more than `deviations` robust standard deviations above the median.

    Args:
        losses: `(M,)` float32, one per sample.
        deviations: In units of 1.4826 x the median absolute deviation.

    Returns:
        `(M,)` bool.

    Source: SPAN supplement §1.
    """
    if not len(losses):
        return torch.zeros(0, dtype=torch.bool)
    middle = losses.median()
    spread = (losses - middle).abs().median() * MAD_TO_DEVIATION
    return losses > middle + deviations * spread


def hardest(losses: Tensor, share: float) -> Tensor:
    """Tell which samples have the largest losses.

    Args:
        losses: `(B,)` float32.
        share: Share of the batch that is told; SPAN's release takes 0.5.

    Returns:
        `(B,)` bool, the first of equal losses before the others.
    """
    order = losses.detach().argsort(descending=True, stable=True)[: int(len(losses) * share)]
    return torch.zeros(len(losses), dtype=torch.bool, device=losses.device).index_fill(0, order, True)


def own_targets(logits: Tensor, targets: Tensor, chosen: Tensor) -> Tensor:
    """Replace the targets of some samples by the network's own thresholded output.

    Args:
        logits: `(B, s, s)` float32.
        targets: `(B, s, s)` float32 in [0, 1].
        chosen: `(B,)` bool, samples that are relabelled.

    Returns:
        `(B, s, s)` float32, new targets without gradient.
    """
    relabelled = targets.clone()
    relabelled[chosen] = (logits.detach()[chosen] > 0).to(targets.dtype)
    return relabelled
