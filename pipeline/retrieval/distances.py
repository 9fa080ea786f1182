"""Distances between features: Euclidean, which on unit features is the cosine order, and CPDM."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def _squared_lengths(features: Tensor) -> Tensor:
    """`(B, C)` -> `(B,)`, without room for all squares."""
    return torch.einsum("ij,ij->i", features, features)


class EuclideanTo:
    """Squared Euclidean distances to a fixed gallery, each block by one matrix product.

    On features of length 1 this is 2 - 2 cos: the order of cosine similarity.

    Args:
        gallery: `(G, C)` float32.
    """

    def __init__(self, gallery: Tensor) -> None:
        self.gallery = gallery
        self.lengths = _squared_lengths(gallery)

    def __call__(self, queries: Tensor, ratios: Tensor, out: Tensor) -> Tensor:
        """`(B, C)` float32 queries, whose area ratios do not matter -> `(B, G)` float32, in `out`."""
        products = torch.mm(queries * -2, self.gallery.T, out=out)
        return products.add_(self.lengths).add_(_squared_lengths(queries)[:, None]).clamp_(min=0)


class CpdmTo:
    """Distances of SPAN (4) and (5) to a fixed gallery, by matrix products, with one buffer and no copy of the gallery.

    Args:
        gallery: `(G, C)` float32.
        ratios: `(G, P)` float32 in [0, 1], area ratio of each part, global first.
        dimensions: Lengths of the P blocks of a feature, summing to C.
    """

    def __init__(self, gallery: Tensor, ratios: Tensor, dimensions: Sequence[int]) -> None:
        self.dimensions = list(dimensions)
        self.blocks = torch.split(gallery, self.dimensions, 1)
        self.lengths = [_squared_lengths(block) for block in self.blocks]
        self.ratios = ratios

    def __call__(self, queries: Tensor, ratios: Tensor, out: Tensor) -> Tensor:
        """`(B, C)` float32 queries and their `(B, P)` area ratios -> `(B, G)` float32, in `out`."""
        total, buffer = out.zero_(), torch.empty_like(out)
        for part, block in enumerate(torch.split(queries, self.dimensions, 1)):
            torch.mm(block * -2, self.blocks[part].T, out=buffer)
            buffer.add_(self.lengths[part]).add_(_squared_lengths(block)[:, None]).clamp_(min=0).sqrt_()
            buffer.mul_(ratios[:, part, None])
            total.addcmul_(buffer, self.ratios[:, part])
        return total.div_(torch.mm(ratios, self.ratios.T, out=buffer))


DistanceTo = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(B, C)` queries, their `(B, P)` area ratios and room for the result -> `(B, G)` distances in that room, not
negative."""


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


@dataclass(frozen=True)
class Distance:
    """How features compare.

    Attributes:
        to: Gallery features, their area ratios and the lengths of the features' blocks -> distances to that gallery.
        between: The same distances pair by pair: features of both sides, their area ratios, lengths of the blocks.
        squared: Whether it is a square already.
        weighs_blocks: Whether it reads an area ratio of each block, global first.
        note: What it means, for readers of a page.
    """

    to: Callable[[Tensor, Tensor, Sequence[int]], DistanceTo]
    between: Callable[[Tensor, Tensor, Tensor, Tensor, Sequence[int]], Tensor]
    squared: bool
    weighs_blocks: bool
    note: str


DISTANCES: dict[str, Distance] = {
    "euclidean": Distance(
        to=lambda gallery, ratios, dimensions: EuclideanTo(gallery),
        between=paired_euclidean,
        squared=True,
        weighs_blocks=False,
        note="Distance: squared Euclidean, from 0, the same, to 4. The whole feature counted in every pair; this model "
        "does not compare views apart.",
    ),
    "cpdm": Distance(
        to=CpdmTo,
        between=paired_cpdm,
        squared=False,
        weighs_blocks=True,
        note="Distance: CPDM, 0 for the same. The bars under each image say how much the whole vehicle and each view "
        "counted for the pair: the product of both images' area ratios, as a share of all. A view that only one of the "
        "two shows counts nothing.",
    ),
}
"""By the name that a features file notes as ``distance``."""
