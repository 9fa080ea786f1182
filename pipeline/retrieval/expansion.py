"""Average query expansion: each query asks as the mean of itself and its nearest gallery images.

No identity is looked at: whoever searches a gallery can do the same.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveInt

from pipeline.artifacts.features import Features
from pipeline.retrieval.blocks import distance_blocks, rank_problem
from pipeline.retrieval.distances import DISTANCES
from pipeline.retrieval.problems import Problem
from pipeline.retrieval.tracks import averaged
from pipeline.store.params import parameters


@parameters
class ExpansionParams:
    """`evaluate.query_expansion`."""

    neighbours: PositiveInt
    """Nearest gallery images that are averaged with each query."""
    power: NonNegativeFloat
    """A gallery image weighs its similarity to the query to the power of it, the query 1: 0 averages all alike (Chum et
    al. 2007); the greater, the less the farther images count (Radenovic et al. 2019)."""


def expanded(
    features: Features, problem: Problem, params: ExpansionParams, megabytes: int, device: torch.device
) -> tuple[Features, NDArray[np.int64]]:
    """Features in which the queries of a problem are expanded.

    Blocks of features are averaged as those of a track are, so that an image has a say in the views it shows; the area
    ratios are averaged too, so that a query may gain views that its nearest images show. The query itself, where the
    gallery holds it or a copy of its file, is no neighbour of its own.

    Args:
        features: Features of the problem's images.
        problem: Queries and gallery.
        params: Images averaged, and their weights.
        megabytes: See `distance_blocks`.
        device: Where distances are computed.

    Returns:
        The features with those of the expanded queries behind them, and the `(Q,)` positions of these.
    """
    gallery, queries = problem.gallery, problem.queries
    blocks = _without_copies(distance_blocks(features, queries, gallery, megabytes, device))
    ranks = rank_problem(blocks, problem.unlabelled(), params.neighbours)
    similar = _similarity(ranks.nearest_distances, features) ** params.power
    similar[~np.isfinite(ranks.nearest_distances)] = 0
    weights = np.concatenate([np.ones((len(queries), 1)), similar], 1)
    images = np.concatenate([queries[:, None], gallery[np.maximum(ranks.nearest, 0)]], 1)
    codes = np.repeat(np.arange(len(queries)), images.shape[1])
    members = features.some(images.reshape(-1))
    values, ratios = averaged(members, codes, weights.reshape(-1))
    extended = replace(
        features,
        rows=np.concatenate([features.rows, features.rows[queries]]),
        features=np.concatenate([features.features, values]),
        area_ratios=np.concatenate([features.area_ratios, ratios]),
    )
    return extended, len(features.rows) + np.arange(len(queries))


def _without_copies(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """The same distances, infinite for images that are as the query is, to the last digit."""
    for block in blocks:
        block[block == 0] = np.inf
        yield block


def _similarity(distances: NDArray[np.float32], features: Features) -> NDArray[np.float64]:
    """Similarities in [0, 1] of distances: 1 - d^2 / 2 in units of the features' length, the cosine where that is 1."""
    squares = (
        distances.astype(np.float64) if DISTANCES[features.distance].squared else np.square(distances, dtype=np.float64)
    )
    return np.clip(1 - squares / max(2 * _squared_length(features), np.finfo(np.float64).tiny), 0, 1)


def _squared_length(features: Features) -> float:
    """Mean squared length of features, in the units of squared distances.

    Of features compared block by block it is that of a block, each weighing what it does where an image is compared
    with itself: a view or a part that an image does not show has no say in how long its feature is.
    """
    blocks = np.split(features.features, np.cumsum(features.dimensions)[:-1], axis=1)
    squares = np.stack([np.einsum("ij,ij->i", block, block, dtype=np.float64) for block in blocks], 1)
    if not DISTANCES[features.distance].weighs_blocks:
        return float(squares.sum(1).mean())
    weights = np.square(features.area_ratios, dtype=np.float64)
    return float(((weights * squares).sum(1) / weights.sum(1)).mean())
