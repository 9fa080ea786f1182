"""Retrieval metrics: both average precisions, CMC and mINP, exact under ties and without sorting the gallery.

Every ranking orders by distance, then by gallery index. A metric needs only the ranks of the relevant images, and
those are found by counting what lies before them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def hit_ranks(distances: NDArray[np.float32], match: NDArray[np.bool_], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Ranks of the relevant gallery images of one query.

    Args:
        distances: `(G,)` distance of each gallery image, finite.
        match: `(G,)` whether it shows the query's vehicle.
        kept: `(G,)` whether the protocol keeps it; the others take no rank.

    Returns:
        Rising ranks, counted from 1, of the images that match and are kept.
    """
    hits = np.flatnonzero(match & kept)
    values = np.sort(distances[hits])
    indices = np.flatnonzero(kept)
    reached = np.searchsorted(values, distances[indices], side="right")  # hits that are not farther than each image
    nearer = np.cumsum(np.bincount(reached, minlength=len(hits) + 1))[: len(hits)]
    level = np.append(np.inf, values)[reached]
    tied = indices[distances[indices] == level]  # the hits and what is exactly as far as one
    tied = tied[np.lexsort((tied, distances[tied]))]
    earlier = np.flatnonzero(match[tied]) - np.searchsorted(distances[tied], values, side="left")
    return np.asarray(nearer + earlier + 1, np.int64)


def nearest(distances: NDArray[np.float32], kept: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Indices of the nearest kept gallery images of one query, nearest first.

    Args:
        distances: `(G,)` distance of each gallery image, finite.
        kept: `(G,)` whether the protocol keeps it.
        count: Images wanted; fewer come back where fewer are kept.
    """
    indices = np.flatnonzero(kept)
    if len(indices) > count:
        farthest = np.partition(distances[indices], count - 1)[count - 1]
        indices = indices[distances[indices] <= farthest]
    return indices[np.lexsort((indices, distances[indices]))][:count]


def average_precision(ranks: NDArray[np.int64]) -> float:
    """Raw average precision: precision at each hit, averaged over all relevant images.

    Args:
        ranks: `(P,)` rising ranks of the relevant images, from 1; at least one.
    """
    return float(np.mean(_counts(ranks) / ranks))


def trapezoid_average_precision(ranks: NDArray[np.int64]) -> float:
    """Average precision by trapezoids, (p_before + p_at) / 2 at each hit, as VeRi-776's own Matlab has it.

    The precision before rank 1 is 1. Arguments as `average_precision`.
    """
    before = np.where(ranks == 1, 1.0, (_counts(ranks) - 1) / np.maximum(ranks - 1, 1))
    return float(np.mean((before + _counts(ranks) / ranks) / 2))


def inverse_negative_penalty(ranks: NDArray[np.int64]) -> float:
    """Relevant images over the rank of the last of them (Ye et al. 2021); arguments as `average_precision`."""
    return float(len(ranks) / ranks[-1])


def _counts(ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.arange(1, len(ranks) + 1)


@dataclass(frozen=True)
class QueryScore:
    """What one query contributes.

    Attributes:
        ranks: `(P,)` int64 rising ranks of its relevant images; empty where the gallery has none.
        junk: Gallery images the protocol removed.
    """

    ranks: NDArray[np.int64]
    junk: int


def cumulative_matches(scores: Sequence[QueryScore], length: int) -> NDArray[np.float64]:
    """CMC curve over the queries that have a relevant image.

    Args:
        scores: One a query.
        length: Ranks of the curve, at most the gallery's size.

    Returns:
        `(length,)` share of those queries whose first hit is at rank k + 1 or before; zeros if there are none.
    """
    first = np.array([score.ranks[0] for score in scores if len(score.ranks)], np.int64)
    found = np.bincount(np.minimum(first, length + 1), minlength=length + 2)[1 : length + 1]
    return np.asarray(np.cumsum(found) / max(len(first), 1))


def summarise(scores: Sequence[QueryScore], gallery: int, ranks: Sequence[int]) -> dict[str, object]:
    """Average the queries' metrics; those without a relevant image are left out and counted.

    Args:
        scores: One a query.
        gallery: Images in the gallery.
        ranks: Ranks of the CMC to report; those beyond the gallery are left out.

    Returns:
        ``mAP``, ``mAP_trapezoid``, ``mINP`` and ``CMC`` (rank -> rate) in [0, 1], None where no query counts, and
        the counts ``queries``, ``gallery``, ``junk`` and ``queries_without_match``.
    """
    counted = [score.ranks for score in scores if len(score.ranks)]
    curve = cumulative_matches(scores, gallery)

    def mean(metric: list[float]) -> float | None:
        return float(np.mean(metric)) if metric else None

    return {
        "mAP": mean([average_precision(item) for item in counted]),
        "mAP_trapezoid": mean([trapezoid_average_precision(item) for item in counted]),
        "mINP": mean([inverse_negative_penalty(item) for item in counted]),
        "CMC": {str(rank): float(curve[rank - 1]) if counted else None for rank in ranks if rank <= gallery},
        "queries": len(scores),
        "gallery": gallery,
        "junk": sum(score.junk for score in scores),
        "queries_without_match": len(scores) - len(counted),
    }
