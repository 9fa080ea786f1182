"""Losses of re-identification: cross-entropy over vehicles and the batch-hard triplet loss on any distance."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def batch_hard_triplet_loss(distances: Tensor, identities: Tensor, margin: float) -> Tensor:
    """Mean over anchors of [margin + farthest positive - nearest negative]_+ (Hermans et al. 2017, eq. 5).

    Args:
        distances: `(B, B)` float32, not negative: Euclidean (PGAN §3.5) or CPDM (SPAN §3.4).
        identities: `(B,)` int64 vehicle of each row.
        margin: In units of the distance.

    Returns:
        A scalar. Anchors without another image of their vehicle, or without an image of another, are left out;
        when none remains the loss is 0.
    """
    same = identities[:, None] == identities
    own = torch.eye(len(identities), dtype=torch.bool, device=identities.device)
    positive, negative = same & ~own, ~same
    farthest = distances.masked_fill(~positive, -torch.inf).amax(1)
    nearest = distances.masked_fill(~negative, torch.inf).amin(1)
    counted = positive.any(1) & negative.any(1)
    if not counted.any():
        return distances.sum() * 0
    return (margin + farthest[counted] - nearest[counted]).clamp(min=0).mean()


def reid_losses(
    logits: Tensor,
    distances: Mapping[str, Tensor],
    identities: Tensor,
    *,
    identity_weight: float,
    label_smoothing: float,
    triplet_weights: Mapping[str, float],
    margin: float,
) -> dict[str, Tensor]:
    """Weighted losses of a batch, PGAN (5) and SPAN (7).

    Args:
        logits: `(B, classes)` float32.
        distances: Name -> `(B, B)` float32, one a triplet loss.
        identities: `(B,)` int64 class of each image.
        identity_weight: Weight of the cross-entropy, lambda in PGAN (5); 0 leaves it out.
        label_smoothing: Share of the target spread over all classes.
        triplet_weights: Name -> weight of each triplet loss; 0 leaves it out.
        margin: See `batch_hard_triplet_loss`.

    Returns:
        ``identity`` and ``triplet_<name>`` -> weighted scalar.

    Raises:
        ValueError: `triplet_weights` names other losses than `distances` has, or every weight is 0.
    """
    if set(triplet_weights) != set(distances):
        raise ValueError(
            f"triplet_weights: expected weights of {', '.join(sorted(distances))}, "
            f"got {', '.join(sorted(triplet_weights)) or 'none'}"
        )
    losses = {}
    if identity_weight:
        losses["identity"] = identity_weight * cross_entropy(logits, identities, label_smoothing=label_smoothing)
    for name, weight in sorted(triplet_weights.items()):
        if weight:
            losses[f"triplet_{name}"] = weight * batch_hard_triplet_loss(distances[name], identities, margin)
    if not losses:
        raise ValueError("identity_weight, triplet_weights: every loss has weight 0; there is nothing to train on")
    return losses
