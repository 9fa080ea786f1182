"""Distances between features: Euclidean, which on unit features is the cosine order, and CPDM."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NEAR = 1e-3
"""Pairs whose squared distance is a smaller share of their two squared lengths, measured from the gallery's mean, are
compared again by differences: rounding could be felt in them."""

OFFSET_ROUNDING = 2.0**-18
"""64 roundings of float32: of the product of a query's length from the mean and the mean's own length, what rounding
may add to a squared distance of features far from the origin."""

NUMBERS_AT_ONCE = 2**20
"""Of features, or of distances, held beside the one buffer: 4 MB, which stay in a processor's cache."""


def _rounded_mean(pieces: Sequence[Tensor]) -> Tensor:
    """Mean of features, rounded to multiples of a power of two no coarser than they are spread.

    So features on a grid, whose distances float32 holds exactly, keep their exact ties, and the order of the features
    changes nothing.

    Args:
        pieces: `(K, C)` float32, one after the other all features.

    Returns:
        `(C,)` float32.
    """
    count = sum(len(piece) for piece in pieces)
    total = torch.stack([piece.sum(0, dtype=torch.float64) for piece in pieces]).sum(0)
    squares = sum(float(piece.double().square().sum()) for piece in pieces)
    mean = total / count
    variance = squares / (count * len(mean)) - float(mean.square().mean())
    if variance <= 0:
        return mean.float()
    step = 2.0 ** math.floor(math.log2(variance) / 2)
    return (torch.round(mean / step) * step).float()


class _CentredGallery:
    """A gallery of which products with queries keep their digits, without a copy of it.

    With the gallery's rounded mean m, |q - g|^2 = |q - m|^2 + |g - m|^2 + 2 (q - m).m - 2 (q - m).g. Lengths from the
    mean are about as long as the features are apart, whereas |q|^2 - 2 q.g + |g|^2 cancels for features far from the
    origin.

    Args:
        gallery: `(G, C)` float32.
        dimensions: Lengths of the P blocks of a feature, summing to C.

    Attributes:
        blocks: Views of the gallery, `(G, c)` each.
    """

    def __init__(self, gallery: Tensor, dimensions: Sequence[int]) -> None:
        self.gallery = gallery
        self.blocks = torch.split(gallery, list(dimensions), 1)
        self._dimensions = list(dimensions)
        pieces = torch.split(gallery, max(1, NUMBERS_AT_ONCE // gallery.shape[1]))
        self._mean = _rounded_mean(pieces)
        self._means = torch.split(self._mean, self._dimensions)
        self._lengths = torch.cat([self._squared_lengths(piece - self._mean) for piece in pieces], 1)  # (P, G)
        self._whole_lengths = self._lengths.sum(0)

    def products(self, queries: Tensor) -> Iterator[Callable[[Tensor], Tensor]]:
        """For each block, what fills `(B, G)` with squared distances, some of them below 0 by rounding.

        Args:
            queries: `(B, C)` float32.
        """
        centred = queries - self._mean
        own = self._squared_lengths(centred)
        for part, block in enumerate(torch.split(centred, self._dimensions, 1)):
            constant = own[part] + 2 * (block @ self._means[part])

            def fill(out: Tensor, part: int = part, block: Tensor = block, constant: Tensor = constant) -> Tensor:
                products = torch.addmm(self._lengths[part], block, self.blocks[part].T, alpha=-2, out=out)
                return products.add_(constant[:, None])

            yield fill

    def compare_near_again(
        self, found: Tensor, queries: Tensor, squared: bool, between: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Replace distances too small to be told from rounding.

        Args:
            found: `(B, G)` float32 distances, changed in place.
            queries: `(B, C)` float32.
            squared: Whether they are squares.
            between: `(K,)` rows of `found` and `(K,)` columns -> `(K,)` distances, exact.
        """
        own = (queries - self._mean).square().sum(1)
        rounding = OFFSET_ROUNDING / NEAR * own.sqrt() * self._mean.square().sum().sqrt()

        def limit(lengths: Tensor) -> Tensor:
            return NEAR * lengths if squared else (NEAR * lengths).sqrt()

        own = own + rounding
        widest = limit(own + self._whole_lengths.max())[:, None]
        height, pairs = (max(1, NUMBERS_AT_ONCE // matrix.shape[1]) for matrix in (found, self.gallery))
        for start in range(0, len(found), height):
            piece = slice(start, start + height)
            near = (found[piece] < widest[piece]).nonzero()
            rows, columns = near[:, 0] + start, near[:, 1]
            kept = found[rows, columns] < limit(own[rows] + self._whole_lengths[columns])
            for places in torch.split(kept.nonzero().squeeze(1), pairs):
                found[rows[places], columns[places]] = between(rows[places], columns[places])
        return found

    def _squared_lengths(self, features: Tensor) -> Tensor:
        """`(B, C)` -> `(P, B)`."""
        blocks = torch.split(features, self._dimensions, 1)
        return torch.stack([torch.einsum("ij,ij->i", block, block) for block in blocks])


class EuclideanTo:
    """Squared Euclidean distances to a fixed gallery, each block by one matrix product; 0 between equal features.

    On features of length 1 this is 2 - 2 cos: the order of cosine similarity.

    Args:
        gallery: `(G, C)` float32.
    """

    def __init__(self, gallery: Tensor) -> None:
        self._gallery = _CentredGallery(gallery, [gallery.shape[1]])

    def __call__(self, queries: Tensor, ratios: Tensor, out: Tensor) -> Tensor:
        """`(B, C)` float32 queries, whose area ratios do not matter -> `(B, G)` float32, in `out`."""
        (fill,) = self._gallery.products(queries)

        def between(rows: Tensor, columns: Tensor) -> Tensor:
            return paired_euclidean(queries[rows], self._gallery.gallery[columns])

        return self._gallery.compare_near_again(fill(out), queries, squared=True, between=between)


class CpdmTo:
    """Distances of SPAN (4) and (5) to a fixed gallery, by matrix products, with one buffer and no copy of the gallery.

    0 between equal features. Where single blocks are equal and others are not, the distance is within 2 % and mostly
    far closer.

    Args:
        gallery: `(G, C)` float32.
        ratios: `(G, P)` float32 in [0, 1], area ratio of each part, global first.
        dimensions: Lengths of the P blocks of a feature, summing to C.
    """

    def __init__(self, gallery: Tensor, ratios: Tensor, dimensions: Sequence[int]) -> None:
        self._gallery = _CentredGallery(gallery, dimensions)
        self._dimensions = dimensions
        self._ratios = ratios

    def __call__(self, queries: Tensor, ratios: Tensor, out: Tensor) -> Tensor:
        """`(B, C)` float32 queries and their `(B, P)` area ratios -> `(B, G)` float32, in `out`."""
        total, buffer = out.zero_(), torch.empty_like(out)
        for part, fill in enumerate(self._gallery.products(queries)):
            fill(buffer).clamp_(min=0).sqrt_()
            buffer.mul_(ratios[:, part, None])
            total.addcmul_(buffer, self._ratios[:, part])
        total.div_(torch.mm(ratios, self._ratios.T, out=buffer))

        def between(rows: Tensor, columns: Tensor) -> Tensor:
            sides = queries[rows], self._gallery.gallery[columns], ratios[rows], self._ratios[columns]
            return paired_cpdm(*sides, self._dimensions)

        return self._gallery.compare_near_again(total, queries, squared=False, between=between)


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
    weights, distances = paired_views(first, second, first_ratios, second_ratios, dimensions)
    return (weights * distances).sum(1)


def paired_views(
    first: Tensor, second: Tensor, first_ratios: Tensor, second_ratios: Tensor, dimensions: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """What CPDM adds up for B pairs, global first: arguments as `paired_cpdm`.

    Returns:
        Weights w of SPAN (4), `(B, P)` float32 in [0, 1], each row summing to 1; and the blocks' Euclidean distances D
        of SPAN (5), `(B, P)` float32.
    """
    weights = first_ratios * second_ratios
    blocks = torch.split((first - second).square(), list(dimensions), 1)
    distances = torch.stack([block.sum(1).sqrt() for block in blocks], 1)
    return weights / weights.sum(1, keepdim=True), distances


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
        note="Distance: squared Euclidean, 0 for the same. The whole feature counted in every pair; this model "
        "does not compare views apart.",
    ),
    "cpdm": Distance(
        to=CpdmTo,
        between=paired_cpdm,
        squared=False,
        weighs_blocks=True,
        note="Distance: CPDM, 0 for the same. The bars under each image say how much the whole vehicle, each view "
        "and, where the model compares parts, each part counted for the pair: the product of both images' area ratios, "
        "as a share of all. What only one of the two shows counts nothing.",
    ),
}
"""By the name that a features file notes as ``distance``."""
