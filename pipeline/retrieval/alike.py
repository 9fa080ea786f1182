"""Look-alikes: vehicles that share a value of a column, and how well each query is told apart from them alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.retrieval.problems import Problem, TestSet
from pipeline.retrieval.ranking import Pairs, pairs_of_runs, rank_among, rows_at_once
from pipeline.retrieval.scores import Scores

PAIRS_AT_ONCE = 1_000_000
"""Pairs of a query and a look-alike held together, some 50 bytes each."""


@dataclass(frozen=True)
class LookAlikes:
    """Which vehicles of a test set look alike.

    Attributes:
        groups: `(V,)` int64 group of each vehicle, by its code in the set's problems.
        mixed: Vehicles whose images have several values, of which the most frequent one counts.
    """

    groups: NDArray[np.int64]
    mixed: int


def look_alikes(test: TestSet, looks: NDArray[np.str_]) -> LookAlikes:
    """Group the vehicles of a test set by the value that most of their images have, the first by name of several.

    A vehicle without a value looks like no other.

    Args:
        test: The test set.
        looks: `(M,)` value of each of its images, "" where unknown.
    """
    names, vehicles = np.unique(test.vehicle_ids, return_inverse=True)
    values, codes = np.unique(looks, return_inverse=True)
    known = looks != ""
    pairs, votes = np.unique(vehicles[known] * len(values) + codes[known], return_counts=True)
    voters, choices = np.divmod(pairs, len(values))
    by_votes = np.lexsort((choices, -votes, voters))
    decided, first = np.unique(voters[by_votes], return_index=True)
    groups = len(values) + np.arange(len(names))
    groups[decided] = choices[by_votes][first]
    return LookAlikes(groups, int(np.count_nonzero(np.bincount(voters, minlength=1) > 1)))


@dataclass(frozen=True)
class AlikeScores:
    """Ranks of the relevant images of every query among its look-alikes.

    Attributes:
        scores: The ranks. All other images count as removed, and a query left out has no relevant image.
        alone: `(Q,)` whether the gallery holds no other vehicle of the query's group, so that nothing is to be told
            apart and the query is left out.
    """

    scores: Scores
    alone: NDArray[np.bool_]

    @property
    def images(self) -> NDArray[np.int64]:
        """`(Q,)` images in each query's gallery of look-alikes, its own vehicle's included."""
        return self.scores.gallery - self.scores.junk


class AlikeRanking:
    """Ranks each query's look-alikes while the distances of a problem pass by, so that they are computed once.

    Args:
        problem: Queries, gallery and junk.
        groups: `LookAlikes.groups` of its test set.
    """

    def __init__(self, problem: Problem, groups: NDArray[np.int64]) -> None:
        self._problem = problem
        members = groups[problem.gallery_vehicles]
        self._order = np.argsort(members, kind="stable")
        asked = groups[problem.query_vehicles]
        first, last = (np.searchsorted(members[self._order], asked, side) for side in ("left", "right"))
        self._starts, self._counts = first, last - first
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []

    def watched(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """The same blocks, each ranked before it is passed on.

        Args:
            blocks: Distances of the problem's queries to its gallery, as `distance_blocks` yields them.
        """
        gallery = len(self._problem.gallery)
        height = max(1, min(PAIRS_AT_ONCE // int(self._counts.max(initial=1)), rows_at_once(gallery)))
        start = 0
        for block in blocks:
            for first in range(0, len(block), height):
                self._parts.append(self._rank(block[first : first + height], start + first))
            start += len(block)
            yield block

    def scores(self) -> AlikeScores:
        """Ranks of all queries, once all blocks have passed."""
        ranks, counts, rivals = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        gallery = len(self._problem.gallery)
        return AlikeScores(Scores(ranks, counts, gallery - rivals - counts, gallery), rivals == 0)

    def _rank(
        self, distances: NDArray[np.float32], start: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Ranks, relevant images and rivals of the queries from `start` on."""
        stop = start + len(distances)
        alike = pairs_of_runs(self._order, self._starts[start:stop], self._counts[start:stop])
        vehicles = self._problem.query_vehicles[start:stop]
        other = vehicles[alike.queries] != self._problem.gallery_vehicles[alike.gallery]
        rivals = Pairs(alike.queries[other], alike.gallery[other])
        number = np.bincount(rivals.queries, minlength=len(distances))
        hits, _ = self._problem.relevance(start, stop)
        scored = number[hits.queries] > 0
        hits = Pairs(hits.queries[scored], hits.gallery[scored])
        return rank_among(distances, hits, rivals), np.bincount(hits.queries, minlength=len(distances)), number
