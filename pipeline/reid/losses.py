"""Losses of re-identification: cross-entropy over vehicles and triplet losses on any distance, all in float32."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from pipeline.networks.devices import gathered, of_batch


def batch_hard_triplet_loss(distances: Tensor, identities: Tensor, margin: float) -> Tensor:
    """Mean over anchors of [margin + farthest positive - nearest negative]_+ (Hermans et al. 2017, eq. 5).

    Args:
        distances: `(B, B)`, not negative: Euclidean (PGAN §3.5) or CPDM (SPAN §3.4); computed with in float32.
        identities: `(B,)` int64 vehicle of each row.
        margin: In units of the distance.

    Returns:
        A float32 scalar. Anchors without another image of their vehicle, or without an image of another, are left
        out; when none remains the loss is 0.
    """
    distances, positive, negative = _anchors(distances, identities)
    if not len(distances):
        return distances.sum()
    farthest = distances.masked_fill(~positive, -torch.inf).amax(1)
    nearest = distances.masked_fill(~negative, torch.inf).amin(1)
    return (margin + farthest - nearest).clamp(min=0).mean()


def adaptive_triplet_loss(distances: Tensor, identities: Tensor, margin: float) -> Tensor:
    """Mean over anchors of [margin + sum_p w_p d_p - sum_n w_n d_n]_+ (Ristani and Tomasi 2018, eqs. 1 and 2).

    The weights w_p of an anchor's positives are the softmax of their distances, those of its negatives the softmin of
    theirs, so that hard images count most and easy ones still count. As in the authors' code (ergysr/DeepCC) the
    gradient flows through the weights too. Distances multiplied by a great number give the batch-hard loss.

    Args:
        distances: See `batch_hard_triplet_loss`.
        identities: `(B,)` int64 vehicle of each row.
        margin: In units of the distance.

    Returns:
        See `batch_hard_triplet_loss`.
    """
    distances, positive, negative = _anchors(distances, identities)
    if not len(distances):
        return distances.sum()
    positive_weights = distances.masked_fill(~positive, -torch.inf).softmax(1)
    negative_weights = (-distances).masked_fill(~negative, -torch.inf).softmax(1)
    return (margin + ((positive_weights - negative_weights) * distances).sum(1)).clamp(min=0).mean()


def _anchors(distances: Tensor, identities: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances `(A, B)` float32 of the anchors that have both, and which images are their positives and negatives."""
    same = identities[:, None] == identities
    own = torch.eye(len(identities), dtype=torch.bool, device=identities.device)
    positive, negative = same & ~own, ~same
    counted = positive.any(1) & negative.any(1)
    return distances.float()[counted], positive[counted], negative[counted]


TRIPLET_LOSSES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "batch_hard": batch_hard_triplet_loss,
    "adaptive": adaptive_triplet_loss,
}
"""Name of a triplet loss -> the loss."""


def reid_losses(
    logits: Tensor,
    distances: Mapping[str, Tensor],
    identities: Tensor,
    *,
    identity_weight: float,
    label_smoothing: float,
    triplet: str,
    triplet_weights: Mapping[str, float],
    margin: float,
) -> dict[str, Tensor]:
    """Weighted losses of a batch, PGAN (5) and SPAN (7); of several processes their mean is the whole batch's.

    Args:
        logits: `(b, classes)`, of this process's share.
        distances: Name -> `(B, B)` of the whole batch, one a triplet loss.
        identities: `(b,)` int64 class of each image of the share.
        identity_weight: Weight of the cross-entropy, lambda in PGAN (5); 0 leaves it out.
        label_smoothing: Share of the target spread over all classes.
        triplet: A key of `TRIPLET_LOSSES`.
        triplet_weights: Name -> weight of each triplet loss; 0 leaves it out.
        margin: See `batch_hard_triplet_loss`.

    Returns:
        ``identity`` and ``triplet_<name>`` -> weighted float32 scalar.

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
        entropy = cross_entropy(logits.float(), identities, label_smoothing=label_smoothing)
        losses["identity"] = identity_weight * of_batch(entropy, len(identities))
    everyone = gathered(identities)
    for name, weight in sorted(triplet_weights.items()):
        if weight:
            losses[f"triplet_{name}"] = weight * TRIPLET_LOSSES[triplet](distances[name], everyone, margin)
    if not losses:
        raise ValueError("identity_weight, triplet_weights: every loss has weight 0; there is nothing to train on")
    return losses
