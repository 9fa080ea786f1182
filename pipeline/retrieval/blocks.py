"""Distances of a problem block by block: memory stays bounded, whatever the size of the gallery."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.artifacts.features import Features
from pipeline.retrieval.distances import DISTANCES
from pipeline.retrieval.problems import Problem
from pipeline.retrieval.ranking import Ranks, rank_block, rows_at_once

BUFFERS = 2
"""Blocks of distances that are alive at once: the one computed and a distance's working space."""

DEVICE_SHARE = 0.5
"""Of a GPU's free memory, what blocks may fill."""

LONGEST = 1e37
"""Greatest squared length of a feature: distances of longer ones leave float32."""

RANKED_AT_ONCE = 500_000
"""Distances whose sort keys one thread holds, 28 bytes each at worst."""


def check_finite(features: Features) -> None:
    """Refuse features whose distances would not be finite.

    Raises:
        ValueError: A feature is not finite or too long; the message gives table rows.
    """
    lengths = np.einsum("ij,ij->i", features.features, features.features)
    bad = np.flatnonzero(~(lengths < LONGEST))
    if len(bad):
        rows = ", ".join(str(features.rows[position]) for position in bad[:3])
        raise ValueError(
            f"features: {len(bad)} of {len(features.rows)} are not finite or too long to be compared in float32, "
            f"for example table rows {rows}"
        )


def distance_blocks(
    features: Features,
    queries: NDArray[np.int64],
    gallery: NDArray[np.int64],
    megabytes: int,
    device: torch.device,
) -> Iterator[NDArray[np.float32]]:
    """Distances of some queries to a gallery, in runs of queries.

    Args:
        features: Features and how they compare.
        queries: `(Q,)` positions among the features.
        gallery: `(G,)` positions among the features.
        megabytes: Size of the distances held at once on a CPU; a GPU takes what is free.
        device: Where they are computed.

    Yields:
        `(B, G)` float32, the next queries' distances, which the receiver may overwrite, and the next block will.
    """
    values, ratios = torch.from_numpy(features.features), torch.from_numpy(features.area_ratios)
    gallery_values, gallery_ratios = (_rows(tensor, gallery).to(device) for tensor in (values, ratios))
    distance = DISTANCES[features.distance].to(gallery_values, gallery_ratios, features.dimensions)
    height = min(queries_at_once(len(gallery), megabytes, device), len(queries))
    room = torch.empty(height, len(gallery), device=device)
    for chunk in torch.split(torch.from_numpy(queries), height):
        found = distance(values[chunk].to(device), ratios[chunk].to(device), room[: len(chunk)])
        yield found.cpu().numpy()


def queries_at_once(gallery: int, megabytes: int, device: torch.device) -> int:
    """Queries whose distances to a gallery fit the memory given, at least one."""
    available = megabytes * 10**6
    if device.type == "cuda":
        available = int(torch.cuda.mem_get_info(device)[0] * DEVICE_SHARE)
    return max(1, available // (gallery * 4 * BUFFERS))


def _rows(values: Tensor, positions: NDArray[np.int64]) -> Tensor:
    """`values[positions]`, without a copy where the positions follow one another."""
    start = int(positions[0])
    if np.array_equal(positions, np.arange(start, start + len(positions))):
        return values[start : start + len(positions)]
    return values[torch.from_numpy(positions)]


def rank_problem(blocks: Iterator[NDArray[np.float32]], problem: Problem, count: int) -> Ranks:
    """Rank the gallery for every query of a problem.

    Args:
        blocks: Distances of the problem's queries to its gallery, as `distance_blocks` yields them.
        problem: Queries, gallery and junk.
        count: Nearest images kept of each query.
    """
    height = max(1, min(RANKED_AT_ONCE // len(problem.gallery), rows_at_once(len(problem.gallery))))
    parts: list[Ranks] = []
    start = 0

    def rank(block: NDArray[np.float32], offset: int) -> Ranks:
        hits, junk = problem.relevance(offset, offset + len(block))
        return rank_block(block, hits, junk, count)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # sorting and comparing release the interpreter's lock
        for block in blocks:
            pieces = [block[first : first + height] for first in range(0, len(block), height)]
            offsets = [start + first for first in range(0, len(block), height)]
            parts += pool.map(rank, pieces, offsets)
            start += len(block)
    return Ranks(
        np.concatenate([part.ranks for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.junk for part in parts]),
        np.concatenate([part.nearest for part in parts]),
        np.concatenate([part.nearest_distances for part in parts]),
    )
