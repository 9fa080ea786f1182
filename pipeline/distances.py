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


class EuclideanTo:
    """Squared Euclidean distances to a fixed gallery, each block by one matrix product; see `squared_euclidean`.

    Args:
        gallery: `(G, C)` float32.
    """

    def __init__(self, gallery: Tensor) -> None:
        self.gallery = gallery
        self.lengths = gallery.square().sum(1)

    def __call__(self, queries: Tensor, ratios: Tensor) -> Tensor:
        """`(B, C)` float32 queries, whose area ratios do not matter -> `(B, G)` float32, a tensor of its own."""
        products = torch.mm(queries * -2, self.gallery.T)
        return products.add_(self.lengths).add_(queries.square().sum(1, keepdim=True)).clamp_(min=0)


class CpdmTo:
    """Distances of SPAN (4) and (5) to a fixed gallery: what `cpdm` gives, with one buffer and no copy of the gallery.

    Args:
        gallery: `(G, C)` float32.
        ratios: `(G, P)` float32 in [0, 1], area ratio of each part, global first.
        dimensions: Lengths of the P blocks of a feature, summing to C.
    """

    def __init__(self, gallery: Tensor, ratios: Tensor, dimensions: Sequence[int]) -> None:
        self.dimensions = list(dimensions)
        self.blocks = torch.split(gallery, self.dimensions, 1)
        self.lengths = [block.square().sum(1) for block in self.blocks]
        self.ratios = ratios

    def __call__(self, queries: Tensor, ratios: Tensor) -> Tensor:
        """`(B, C)` float32 queries and their `(B, P)` area ratios -> `(B, G)` float32, a tensor of its own."""
        shape = len(queries), len(self.ratios)
        total, buffer = queries.new_zeros(shape), queries.new_empty(shape)
        for part, block in enumerate(torch.split(queries, self.dimensions, 1)):
            torch.mm(block * -2, self.blocks[part].T, out=buffer)
            buffer.add_(self.lengths[part]).add_(block.square().sum(1, keepdim=True)).clamp_(min=0).sqrt_()
            buffer.mul_(ratios[:, part, None])
            total.addcmul_(buffer, self.ratios[:, part])
        return total.div_(torch.mm(ratios, self.ratios.T, out=buffer))


DistanceTo = Callable[[Tensor, Tensor], Tensor]
"""`(B, C)` queries and their `(B, P)` area ratios -> `(B, G)` distances, finite and not negative."""

DISTANCES_TO: dict[str, Callable[[Tensor, Tensor, Sequence[int]], DistanceTo]] = {
    "euclidean": lambda gallery, ratios, dimensions: EuclideanTo(gallery),
    "cpdm": CpdmTo,
}
"""How features compare, by the name `features/1` notes as ``distance``: gallery features, their area ratios and the
lengths of the features' blocks -> distances to that gallery."""

Distance = Callable[[Tensor, Tensor, Tensor, Tensor, Sequence[int]], Tensor]
"""Query and gallery features, their area ratios, and the lengths of the features' blocks -> `(Q, G)` distances."""

DISTANCES: dict[str, Distance] = {
    "euclidean": lambda queries, gallery, *_: squared_euclidean(queries, gallery),
    "cpdm": cpdm,
}
"""How features compare, by the name `features/1` notes as ``distance``."""


def paired_euclidean(first: Tensor, second: Tensor, *_: object) -> Tensor:
    """Squared Euclidean distances of B pairs, `(B, C)` float32 each -> `(B,)` float32."""
    return (first - second).square().sum(1)


def paired_cpdm(
    first: Tensor, second: Tensor, first_ratios: Tensor, second_ratios: Tensor, dimensions: Sequence[int]
) -> Tensor:
    """Distances of SPAN (4) and (5) of B pairs: `(B, C)` features and `(B, P)` area ratios each -> `(B,)` float32."""
    weights = first_ratios * second_ratios
    blocks = torch.split((first - second).square(), list(dimensions), 1)
    distances = torch.stack([block.sum(1).sqrt() for block in blocks], 1)
    return (weights * distances).sum(1) / weights.sum(1)


PAIRED: dict[str, Distance] = {"euclidean": paired_euclidean, "cpdm": paired_cpdm}
"""The same distances as `DISTANCES_TO`, pair by pair."""
