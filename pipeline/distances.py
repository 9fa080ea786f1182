"""Distances between features: Euclidean, which on unit features is the cosine order, and CPDM."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

EXACT = "donot_use_mm_for_euclid_dist"
BY_PRODUCTS = "use_mm_for_euclid_dist"


def pairwise_euclidean(features: Tensor) -> Tensor:
    """Euclidean distances within a batch, for training.

    Args:
        features: `(B, C)` float32.

    Returns:
        `(B, B)` float32, exactly 0 between equal features, where the gradient is 0 and not infinite.
    """
    return torch.cdist(features.float(), features.float(), compute_mode=EXACT)


def squared_euclidean(queries: Tensor, gallery: Tensor) -> Tensor:
    """Squared Euclidean distances, `(Q, C)` and `(G, C)` float32 -> `(Q, G)` float32, by one matrix product.

    On features of length 1 this is 2 - 2 cos: the order of cosine similarity.
    """
    products = queries @ gallery.T
    lengths = queries.square().sum(1)[:, None] + gallery.square().sum(1)
    return (lengths - 2 * products).clamp_(min=0)


def cpdm(
    queries: Tensor,
    gallery: Tensor,
    query_ratios: Tensor,
    gallery_ratios: Tensor,
    dimensions: Sequence[int],
    *,
    exact: bool = False,
) -> Tensor:
    """Co-occurrence part-attentive distance, SPAN (4) and (5).

    Each block of the feature is compared by its un-squared Euclidean distance, not normalised across parts, and
    weighted by the product of both images' area ratios. Images with no view in common are compared by the first,
    global block alone, whose ratio is 1 in every image; so the weights' sum is at least 1.

    Args:
        queries: `(Q, C)` float32.
        gallery: `(G, C)` float32.
        query_ratios: `(Q, P)` float32 in [0, 1], area ratio of each part, global first.
        gallery_ratios: `(G, P)` float32, likewise.
        dimensions: Lengths of the P blocks of a feature, summing to C.
        exact: Subtract features instead of multiplying them out: slower, but exactly 0 between equal features and
            with a gradient of 0 there, as training needs.

    Returns:
        `(Q, G)` float32.
    """
    mode = EXACT if exact else BY_PRODUCTS
    sizes = list(dimensions)
    blocks = zip(torch.split(queries.float(), sizes, 1), torch.split(gallery.float(), sizes, 1), strict=True)
    total = torch.zeros(len(queries), len(gallery), device=queries.device)
    for part, (query_block, gallery_block) in enumerate(blocks):
        weights = query_ratios[:, part, None] * gallery_ratios[:, part]
        total = total + weights * torch.cdist(query_block, gallery_block, compute_mode=mode)
    return total / (query_ratios @ gallery_ratios.T)


Distance = Callable[[Tensor, Tensor, Tensor, Tensor, Sequence[int]], Tensor]
"""Query and gallery features, their area ratios, and the lengths of the features' blocks -> `(Q, G)` distances."""

DISTANCES: dict[str, Distance] = {
    "euclidean": lambda queries, gallery, *_: squared_euclidean(queries, gallery),
    "cpdm": cpdm,
}
"""How features compare, by the name `features/1` notes as ``distance``."""
