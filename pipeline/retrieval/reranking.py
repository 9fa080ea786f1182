"""k-reciprocal re-ranking (Zhong et al. 2017) on sparse neighbourhoods: exact, and linear in memory.

The published algorithm holds all pairs of queries and gallery images several times over. Here only the nearest k1 of
each image are kept; the encodings built on them are sparse, and distances are made from them a few queries at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt
from scipy.sparse import coo_array, csc_array, csr_array, vstack

from pipeline.artifacts.features import Features
from pipeline.retrieval.blocks import RANKED_AT_ONCE, distance_blocks
from pipeline.retrieval.distances import DISTANCES
from pipeline.retrieval.ranking import Pairs, rank_block
from pipeline.store.params import Share, parameters

ENCODED_AT_ONCE = 4096
"""Images whose neighbourhoods are expanded together."""

INDEX, VALUE, ROW = 8, 4, 3 * 8
"""Bytes of an entry's column and value, and of a row's bounds in three sparse arrays."""

PAIRS_AT_ONCE = 16384
"""Pairs of features that are compared one by one together."""


@parameters
class RerankParams:
    """`evaluate.rerank`."""

    k1: PositiveInt
    """Nearest images among which reciprocal ones are sought."""
    k2: PositiveInt
    """Nearest images whose encodings are averaged."""
    original_weight: Share
    """Weight of the original distance in the result, lambda in the paper."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest images of every image, itself first, and what normalises its distances.

    Attributes:
        indices: `(N, k1 + 1)` int64.
        farthest: `(N,)` float32 greatest squared distance to any image, above 0.
    """

    indices: NDArray[np.int64]
    farthest: NDArray[np.float32]


def announced_memory(images: int, rerank: RerankParams) -> tuple[int, int]:
    """Bytes that re-ranking holds beyond features and blocks of distances: at least, and at most.

    At least: no image has a reciprocal neighbour but itself. At most: all neighbours are reciprocal, every expansion
    succeeds and no two overlap.

    Args:
        images: Queries and gallery of the problem together.
        rerank: Sizes of the neighbourhoods.
    """
    nearest = min(rerank.k1 + 1, images)
    neighbours = images * (nearest * INDEX + VALUE)
    expanded = min(images, nearest * (round(rerank.k1 / 2) + 2))
    averaged = min(images, expanded * min(rerank.k2, nearest))
    least, most = (
        images * (encoding + copies * average) * (INDEX + VALUE) + ROW * images
        for encoding, average, copies in ((1, 0, 0), (expanded, averaged, 2))
    )
    return neighbours + least, neighbours + most


def reranked_blocks(
    features: Features,
    queries: NDArray[np.int64],
    gallery: NDArray[np.int64],
    rerank: RerankParams,
    megabytes: int,
    device: torch.device,
) -> Iterator[NDArray[np.float32]]:
    """Re-ranked distances of some queries to a gallery, in runs of queries.

    Distances are (1 - lambda) times the Jaccard distance of the neighbourhoods' encodings plus lambda times the squared
    original distance over the greatest one of the query (Zhong et al. 2017, equation 12).

    Args:
        features: Features and how they compare.
        queries: `(Q,)` positions among the features.
        gallery: `(G,)` positions among the features.
        rerank: Sizes of the neighbourhoods and the weight.
        megabytes: Size of the distances held at once on a CPU; a GPU takes what is free.
        device: Where original distances are computed.

    Yields:
        `(B, G)` float32, the next queries' distances, which the receiver may overwrite.
    """
    everyone = np.concatenate([queries, gallery])
    nearest = find_neighbours(features, everyone, rerank.k1, megabytes, device)
    encodings = _averaged(_encodings(features, everyone, nearest, rerank.k1), nearest, rerank.k2)
    by_image = csc_array(encodings[len(queries) :])
    start = 0
    for block in distance_blocks(features, queries, gallery, megabytes, device):
        original = _squared(block, features) / nearest.farthest[start : start + len(block), None]
        for row, values in enumerate(original):
            jaccard = _jaccard(encodings, start + row, by_image)
            values *= rerank.original_weight
            values += (1 - rerank.original_weight) * jaccard
        yield original
        start += len(block)


def find_neighbours(
    features: Features, images: NDArray[np.int64], k1: int, megabytes: int, device: torch.device
) -> Neighbours:
    """The k1 nearest images of each image, and itself, among `images`, `(N,)` positions among the features."""
    none = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    count = min(k1 + 1, len(images))
    indices, farthest = [], []
    height = max(1, RANKED_AT_ONCE // len(images))
    for block in distance_blocks(features, images, images, megabytes, device):
        squares = _squared(block, features)
        farthest.append(np.maximum(squares.max(1), np.finfo(np.float32).tiny))  # 0 among copies of one image
        for first in range(0, len(squares), height):
            ranks = rank_block(squares[first : first + height], none, none, count)
            indices.append(ranks.nearest)
    return Neighbours(np.concatenate(indices), np.concatenate(farthest))


def _squared(block: NDArray[np.float32], features: Features) -> NDArray[np.float32]:
    return block if DISTANCES[features.distance].squared else np.square(block, out=block)


def _reciprocal(indices: NDArray[np.int64]) -> csr_array:
    """`(N, N)` of ones: j is among the listed neighbours of i, and i among those of j."""
    count, width = indices.shape
    pairs = np.sort((np.arange(count)[:, None] * count + indices).reshape(-1))
    turned = (indices * count + np.arange(count)[:, None]).reshape(-1)
    mutual = pairs[np.minimum(np.searchsorted(pairs, turned), len(pairs) - 1)] == turned
    rows = np.repeat(np.arange(count), width)[mutual]
    columns = indices.reshape(-1)[mutual]
    return csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(count, count))


def _expanded(nearest: Neighbours, k1: int) -> csr_array:
    """`(N, N)`, an entry where j belongs to the expanded reciprocal neighbours of i.

    A neighbour's own half is added where more than two thirds of it are i's too, as in the authors' code.
    """
    mutual = _reciprocal(nearest.indices)
    halved = _reciprocal(nearest.indices[:, : round(k1 / 2) + 1])
    sizes = np.diff(halved.indptr)
    parts = []
    for start in range(0, mutual.shape[0], ENCODED_AT_ONCE):
        own = mutual[start : start + ENCODED_AT_ONCE]
        shared = coo_array((own @ halved.T).multiply(own))  # of each neighbour: how many of its half are ours too
        fits = 3 * shared.data > 2 * sizes[shared.col]
        chosen = (np.ones(np.count_nonzero(fits), np.float32), (shared.row[fits], shared.col[fits]))
        parts.append(own + csr_array(chosen, shape=own.shape) @ halved)
    return csr_array(vstack(parts))


def _encodings(features: Features, images: NDArray[np.int64], nearest: Neighbours, k1: int) -> csr_array:
    """`(N, N)` rows summing to 1: Gaussian weights of each image's expanded neighbours (equation 7)."""
    expanded = _expanded(nearest, k1)
    rows = np.repeat(np.arange(len(images)), np.diff(expanded.indptr))
    values, ratios = torch.from_numpy(features.features), torch.from_numpy(features.area_ratios)
    distances = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), PAIRS_AT_ONCE):
        span = slice(start, start + PAIRS_AT_ONCE)
        first, second = (torch.from_numpy(images[ends[span]]) for ends in (rows, expanded.indices))
        sides = values[first], values[second], ratios[first], ratios[second]
        distances[span] = _squared(DISTANCES[features.distance].between(*sides, features.dimensions).numpy(), features)
    weights = np.exp(-distances / nearest.farthest[rows])
    weights /= np.bincount(rows, weights, minlength=len(images))[rows]
    return csr_array((weights.astype(np.float32), expanded.indices, expanded.indptr), shape=expanded.shape)


def _averaged(encodings: csr_array, nearest: Neighbours, k2: int) -> csr_array:
    """Mean of the encodings of each image's k2 nearest, itself among them (local query expansion, equation 11)."""
    count, width = len(nearest.indices), min(k2, nearest.indices.shape[1])
    if width == 1:
        return encodings
    columns = nearest.indices[:, :width].reshape(-1)
    chosen = (np.full(count * width, 1 / width, np.float32), (np.repeat(np.arange(count), width), columns))
    return csr_array(csr_array(chosen, shape=(count, count)) @ encodings)


def _jaccard(encodings: csr_array, query: int, by_image: csc_array) -> NDArray[np.float32]:
    """`(G,)` Jaccard distances of one image's encoding to those of the gallery, whose columns are `by_image`."""
    own = slice(encodings.indptr[query], encodings.indptr[query + 1])
    columns, weights = encodings.indices[own], encodings.data[own]
    starts, counts = by_image.indptr[columns], np.diff(by_image.indptr)[columns]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    places = np.repeat(starts, counts) + within
    least = np.minimum(by_image.data[places], np.repeat(weights, counts))
    shared = np.bincount(by_image.indices[places], least, minlength=by_image.shape[0])
    return np.asarray(np.maximum(1 - shared / (2 - shared), 0), np.float32)  # rounding may exceed a sum of 1
