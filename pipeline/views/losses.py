"""The three losses of SPAN §3.1, for any image-level labels: reconstruction, area constraint, spatial diversity.

Shapes: B images, K labels (of a vehicle, its three views), H x W pixels. Masks are float in [0, 1]; the
foreground is binary.
"""

from typing import Literal

import torch
from torch import Tensor

from pipeline.networks.devices import gathered


def reconstruction_loss(masks: Tensor, labels: Tensor, foreground: Tensor) -> Tensor:
    """Mean squared error between the foreground and the sum of the masks of the labels that the image carries.

    Args:
        masks: `(B, K, H, W)` float in [0, 1].
        labels: `(B, K)` float, 1 where the image carries the label, else 0.
        foreground: `(B, H, W)` float, 0 or 1.

    Returns:
        Scalar, averaged over pixels and images. SPAN (1), whose text calls the norm a mean square error.
    """
    rebuilt = (labels[..., None, None] * masks).sum(1)  # (B, H, W)
    return (foreground - rebuilt).square().mean()


def area_loss(masks: Tensor, foreground: Tensor, max_area: Tensor) -> Tensor:
    """How far the masks' areas, relative to the foreground's, exceed what its labels allow.

    Args:
        masks: `(B, K, H, W)` float in [0, 1].
        foreground: `(B, H, W)` float, 0 or 1. Images with an empty foreground are left out.
        max_area: `(B, K)` float, a of each label: 0 for one that the image does not carry.

    Returns:
        Scalar, summed over labels and averaged over the images with a foreground; 0 when there are none. SPAN (2).
    """
    area = foreground.flatten(1).sum(1)  # (B,)
    present = area > 0
    ratio = masks.flatten(2).sum(2) / torch.where(present, area, torch.ones_like(area))[:, None]  # (B, K)
    excess = (ratio - max_area).clamp(min=0).sum(1)
    return (excess * present).sum() / present.sum().clamp(min=1)


def diversity_loss(masks: Tensor, margins: Tensor, over: Literal["image", "batch"] = "image") -> Tensor:
    """How far two masks overlap beyond what their pair of labels may.

    Args:
        masks: `(B, K, H, W)` float in [0, 1].
        margins: `(K, K)` float, m of each pair; only entries above the diagonal are read.
        over: What the overlap is a mean over before its margin is taken off: an ``image``, or the ``batch`` of all
            processes, as in the authors' code.

    Returns:
        Scalar, summed over pairs and averaged over images. SPAN (3), with the inner product taken as a mean over
        pixels, as its margins of a few hundredths imply and the authors' code has it.
    """
    first, second = torch.triu_indices(len(margins), len(margins), 1, device=masks.device)  # the pairs P
    pixels = masks.flatten(2)  # (B, K, HW)
    overlap = (pixels[:, first] * pixels[:, second]).mean(2)  # (B, P)
    if over == "batch":
        overlap = gathered(overlap).mean(0, keepdim=True)
    return (overlap - margins[first, second]).clamp(min=0).sum(1).mean()
