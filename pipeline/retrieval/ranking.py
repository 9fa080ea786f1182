"""Exact ranks of relevant images and the nearest images of every query, without sorting the gallery.

Every ranking orders by distance, then by gallery index. Only images not farther than a query's last relevant image (or
than the neighbours wanted of it) are ordered; what lies beyond is never touched. Each of them becomes one whole number,
query before distance before gallery index, so that one sort decides ties too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DISTANCE_BITS = 31
"""The bit pattern of a float32 that is not negative, read as a whole number, has the order of the numbers."""

KEY_BITS = 63
SAMPLE = 1024
"""Gallery images looked at to guess how far the wanted number of neighbours reaches."""


@dataclass(frozen=True)
class Pairs:
    """Some gallery images of each of a run of queries.

    Attributes:
        queries: `(T,)` int64, rising, counted from the run's first query.
        gallery: `(T,)` int64 gallery indices.
    """

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]


def pairs_of_runs(order: NDArray[np.int64], starts: NDArray[np.int64], counts: NDArray[np.int64]) -> Pairs:
    """Pair each of a run of queries with a stretch of a list of gallery images.

    Args:
        order: The list, gallery indices.
        starts: `(B,)` where each query's stretch starts in it.
        counts: `(B,)` length of each.
    """
    queries = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(queries)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Pairs(queries, order[np.repeat(starts, counts) + within])


@dataclass(frozen=True)
class Ranks:
    """What a ranking of some queries is scored by.

    Attributes:
        ranks: `(T,)` int64 ranks of the relevant images, from 1, rising within each query, query after query.
        counts: `(Q,)` int64 relevant images of each query; sums to T.
        junk: `(Q,)` int64 gallery images the protocol removed for each query.
        nearest: `(Q, R)` int64 gallery indices, nearest first, -1 where fewer are left.
        nearest_distances: `(Q, R)` float32, infinite where fewer are left.
    """

    ranks: NDArray[np.int64]
    counts: NDArray[np.int64]
    junk: NDArray[np.int64]
    nearest: NDArray[np.int64]
    nearest_distances: NDArray[np.float32]


def rows_at_once(gallery: int) -> int:
    """Most queries `rank_block` takes at a time: as many as its sort keys can number.

    Raises:
        ValueError: The gallery holds more than 2^31 images.
    """
    if gallery > 1 << DISTANCE_BITS:
        raise ValueError(f"expected a gallery of at most {1 << DISTANCE_BITS} images, got {gallery}")
    return 1 << (KEY_BITS - DISTANCE_BITS - _bits(gallery))


def rank_block(distances: NDArray[np.float32], hits: Pairs, junk: Pairs, count: int) -> Ranks:
    """Rank the gallery for a block of queries.

    Args:
        distances: `(B, G)`, not negative and not NaN; at most `rows_at_once(G)` rows. It is overwritten: junk
            becomes NaN.
        hits: Relevant images, none of them junk.
        junk: Images that take no rank.
        count: Nearest images wanted of each query; fewer come back where fewer are left.
    """
    queries, gallery = distances.shape
    distances[junk.queries, junk.gallery] = np.nan
    removed = np.bincount(junk.queries, minlength=queries)
    wanted = np.minimum(count, gallery - removed)
    reach = _reach(distances, hits, count)
    keys, bounds = _sorted_keys(distances, reach)
    short = np.diff(bounds) < wanted
    if short.any():  # the sample misled
        reach[short] = np.inf
        keys, bounds = _sorted_keys(distances, reach)
    found = _keys(distances, hits.queries * gallery + hits.gallery, hits.queries)
    found.sort()
    ranks = np.searchsorted(keys, found) - bounds[hits.queries] + 1
    nearest, nearest_distances = _nearest(distances, keys, bounds, wanted, count)
    return Ranks(ranks, np.bincount(hits.queries, minlength=queries), removed, nearest, nearest_distances)


def rank_among(distances: NDArray[np.float32], hits: Pairs, rivals: Pairs) -> NDArray[np.int64]:
    """Ranks of relevant images in galleries that hold nothing but them and their rivals, in the order of `rank_block`.

    Args:
        distances: `(B, G)`, not negative and not NaN; at most `rows_at_once(G)` rows. It is left as it is.
        hits: Relevant images.
        rivals: The other images of each query's gallery, none of them among its hits.

    Returns:
        `(T,)` ranks of the hits, from 1, rising within each query, query after query.
    """
    gallery = distances.shape[1]
    reach = _reach(distances, hits, 0)
    near = distances[rivals.queries, rivals.gallery] <= reach[rivals.queries]
    queries = rivals.queries[near]
    keys = _keys(distances, queries * gallery + rivals.gallery[near], queries)
    keys.sort()
    found = _keys(distances, hits.queries * gallery + hits.gallery, hits.queries)
    found.sort()
    earlier_queries = np.searchsorted(queries, hits.queries) + np.searchsorted(hits.queries, hits.queries)
    return np.searchsorted(keys, found) + np.arange(len(found)) - earlier_queries + 1


def _bits(gallery: int) -> int:
    return max(gallery - 1, 1).bit_length()


def _reach(distances: NDArray[np.float32], hits: Pairs, count: int) -> NDArray[np.float32]:
    """`(B,)` distance up to which images matter: that of the last hit, or about twice `count` neighbours if farther."""
    reach = np.full(len(distances), -1, np.float32)
    np.maximum.at(reach, hits.queries, distances[hits.queries, hits.gallery])
    if count:
        step = max(1, distances.shape[1] // SAMPLE)
        sample = distances[:, ::step]
        place = min(sample.shape[1], 2 * count // step + 8) - 1
        # NaN, that is junk, sorts last; where it fills the place, everything left is within reach
        kth = np.partition(sample, place, axis=1)[:, place]
        reach = np.maximum(reach, np.where(np.isnan(kth), np.inf, kth))
    return reach


def _keys(distances: NDArray[np.float32], places: NDArray[np.int64], queries: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort keys of some places of the flattened distances; `queries` are the places' rows."""
    gallery = distances.shape[1]
    bits = distances.reshape(-1)[places].view(np.int32) & np.int32((1 << DISTANCE_BITS) - 1)  # -0.0 is 0.0
    keys = bits.astype(np.int64)
    keys <<= _bits(gallery)
    keys += places
    keys += queries * ((1 << (DISTANCE_BITS + _bits(gallery))) - gallery)
    return keys


def _sorted_keys(
    distances: NDArray[np.float32], reach: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted keys of the images within reach, query after query, and the `(B + 1,)` bounds of each query's."""
    rows, gallery = distances.shape
    places = np.flatnonzero(distances <= reach[:, None])
    bounds = np.searchsorted(places, np.arange(rows + 1) * gallery)
    keys = _keys(distances, places, np.repeat(np.arange(rows), np.diff(bounds)))
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):  # each fits a cache; their order is given
        keys[start:stop].sort()
    return keys, bounds


def _nearest(
    distances: NDArray[np.float32],
    keys: NDArray[np.int64],
    bounds: NDArray[np.int64],
    wanted: NDArray[np.int64],
    count: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    place = np.arange(count)
    filled = place < wanted[:, None]
    taken = np.minimum(bounds[:-1, None] + place, max(len(keys) - 1, 0))
    indices = keys[taken] & ((1 << _bits(distances.shape[1])) - 1) if len(keys) else np.zeros(filled.shape, np.int64)
    indices[~filled] = 0
    values = np.take_along_axis(distances, indices, 1) if count else np.zeros(filled.shape, np.float32)
    return np.where(filled, indices, -1), np.where(filled, values, np.float32(np.inf))
