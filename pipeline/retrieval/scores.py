"""Retrieval metrics from the ranks of relevant images: average precisions, CMC, mINP, their chance and confidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (2.5, 97.5)
"""Ends of a 95 % interval."""


@dataclass(frozen=True)
class Scores:
    """Ranks of the relevant images of every query of a problem.

    Attributes:
        ranks: `(T,)` int64, from 1, rising within each query, query after query.
        counts: `(Q,)` int64 relevant images of each query, 0 where the gallery has none; sums to T.
        junk: `(Q,)` int64 gallery images the protocol removed for each query.
        gallery: Images in the gallery.
    """

    ranks: NDArray[np.int64]
    counts: NDArray[np.int64]
    junk: NDArray[np.int64]
    gallery: int

    @property
    def starts(self) -> NDArray[np.int64]:
        """`(Q,)` place of each query's first rank."""
        return np.cumsum(self.counts) - self.counts

    @property
    def counted(self) -> NDArray[np.bool_]:
        """`(Q,)` whether the query has a relevant image; the others are left out of every mean."""
        return self.counts > 0

    @property
    def first(self) -> NDArray[np.int64]:
        """Rank of the first relevant image of each counted query."""
        return self.ranks[self.starts[self.counted]]


def average_precision(scores: Scores) -> NDArray[np.float64]:
    """Raw average precision of each counted query: precision at each hit, averaged over all its relevant images."""
    return _mean_over_hits(scores, _hit_numbers(scores) / scores.ranks)


def expected_average_precision(positives: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.float64]:
    """Raw average precision that a random order reaches on average, exactly.

    With P of N images relevant, AP = (1/P) sum_k r_k (r_1 + ... + r_k) / k over the ranks k, where r_k says whether
    the image there is relevant. In a random order E[r_k] = P/N and, for j other than k, E[r_j r_k] =
    P (P - 1) / (N (N - 1)). With H_N = 1 + 1/2 + ... + 1/N this leaves

        E[AP] = (H_N + (P - 1) / (N - 1) (N - H_N)) / N.

    Args:
        positives: `(Q,)` P of each query, at least 1.
        images: `(Q,)` N of each query, at least P.
    """
    harmonic = np.cumsum(1 / np.arange(1, images.max(initial=1) + 1))[images - 1]
    others = (positives - 1) / np.maximum(images - 1, 1)
    return np.asarray((harmonic + others * (images - harmonic)) / images)


def trapezoid_average_precision(scores: Scores) -> NDArray[np.float64]:
    """Average precision by trapezoids, (p_before + p_at) / 2 at each hit, as VeRi-776's own Matlab has it.

    The precision before rank 1 is 1.
    """
    hits, ranks = _hit_numbers(scores), scores.ranks
    before = np.where(ranks == 1, 1.0, (hits - 1) / np.maximum(ranks - 1, 1))
    return _mean_over_hits(scores, (before + hits / ranks) / 2)


def inverse_negative_penalty(scores: Scores) -> NDArray[np.float64]:
    """Relevant images over the rank of the last of them, of each counted query (Ye et al. 2021)."""
    last = scores.ranks[(scores.starts + scores.counts - 1)[scores.counted]]
    return np.asarray(scores.counts[scores.counted] / last)


METRICS: dict[str, Callable[[Scores], NDArray[np.float64]]] = {
    "mAP": average_precision,
    "mAP_trapezoid": trapezoid_average_precision,
    "mINP": inverse_negative_penalty,
}
"""Mean over the counted queries -> what is averaged."""


def matched_within(scores: Scores, rank: int) -> NDArray[np.float64]:
    """1 for each counted query whose first relevant image is at `rank` or before, else 0; their mean is the CMC."""
    return (scores.first <= rank).astype(np.float64)


def _hit_numbers(scores: Scores) -> NDArray[np.int64]:
    return np.arange(1, len(scores.ranks) + 1) - np.repeat(scores.starts, scores.counts)


def _mean_over_hits(scores: Scores, values: NDArray[np.float64]) -> NDArray[np.float64]:
    counted = scores.counted
    if not counted.any():
        return np.zeros(0)
    return np.asarray(np.add.reduceat(values, scores.starts[counted]) / scores.counts[counted])


def cumulative_matches(scores: Scores, length: int) -> NDArray[np.float64]:
    """CMC curve over the counted queries.

    Args:
        scores: Of one problem.
        length: Ranks of the curve.

    Returns:
        `(min(length, gallery),)` share of those queries whose first hit is at rank k + 1 or before; zeros if there
        are none.
    """
    length = min(length, scores.gallery)
    found = np.bincount(np.minimum(scores.first, length + 1), minlength=length + 2)[1 : length + 1]
    return np.asarray(np.cumsum(found) / max(int(scores.counted.sum()), 1))


def summarise(scores: Scores, ranks: Sequence[int]) -> dict[str, Any]:
    """Average the queries' metrics; those without a relevant image are left out and counted.

    Args:
        scores: Of one problem.
        ranks: Ranks of the CMC to report; those beyond the gallery are left out.

    Returns:
        ``mAP``, ``mAP_trapezoid``, ``mINP`` and ``CMC`` (rank -> rate) in [0, 1], None where no query counts, and
        the counts ``queries``, ``gallery``, ``junk`` and ``queries_without_match``.
    """
    values = {name: metric(scores) for name, metric in METRICS.items()}
    curve = cumulative_matches(scores, max(ranks, default=1))
    any_counts = bool(scores.counted.any())
    return {
        **{name: float(np.mean(found)) if any_counts else None for name, found in values.items()},
        "CMC": {str(rank): float(curve[rank - 1]) if any_counts else None for rank in ranks if rank <= len(curve)},
        "queries": len(scores.counts),
        "gallery": scores.gallery,
        "junk": int(scores.junk.sum()),
        "queries_without_match": int(np.count_nonzero(~scores.counted)),
    }


def bootstrap_intervals(
    sums: dict[str, NDArray[np.float64]], asked: NDArray[np.int64], samples: int, seed: int
) -> dict[str, list[float]]:
    """95 % percentile intervals of means over queries, by drawing vehicles with replacement.

    A vehicle is drawn with all its queries, as they are alike: drawn one by one they would make the interval too
    narrow (the cluster bootstrap of Davison and Hinkley 1997, section 3.8).

    Args:
        sums: Metric -> `(V,)` sum over each vehicle's queries; the same vehicles in each.
        asked: `(V,)` queries of each vehicle, at least 1.
        samples: Times the vehicles are drawn.
        seed: Of the draws, which all metrics share.

    Returns:
        Metric -> lower and upper end; nothing where there are fewer than two vehicles, or no sample.
    """
    count = len(asked)
    if count < 2 or not samples:
        return {}
    generator = np.random.default_rng(seed)
    table = np.stack(list(sums.values()), 1)
    means = np.empty((samples, table.shape[1]))
    for sample in range(samples):
        times = np.bincount(generator.integers(0, count, count), minlength=count)
        means[sample] = times @ table / (times @ asked)
    ends = np.percentile(means, PERCENTILES, axis=0)
    return {name: [float(ends[0, index]), float(ends[1, index])] for index, name in enumerate(sums)}
