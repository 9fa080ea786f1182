import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics import (
    QueryScore,
    average_precision,
    cumulative_matches,
    hit_ranks,
    inverse_negative_penalty,
    nearest,
    summarise,
    trapezoid_average_precision,
)


@dataclass
class Answer:
    """What the definitions give for one query."""

    order: list[int]
    ranks: list[int]
    precision: float
    trapezoid: float


def oracle(distances: list[float], match: list[bool], kept: list[bool]) -> Answer:
    """The definitions in plain Python: sort everything, walk down the list."""
    order = sorted((index for index in range(len(distances)) if kept[index]), key=lambda i: (distances[i], i))
    relevant = sum(match[index] for index in order)
    found, precision, trapezoid, before, ranks = 0, 0.0, 0.0, 1.0, []
    for rank, index in enumerate(order, 1):
        if match[index]:
            found += 1
            ranks.append(rank)
            precision += found / rank / relevant
            trapezoid += (before + found / rank) / 2 / relevant
        before = found / rank
    return Answer(order, ranks, precision, trapezoid)


@st.composite
def queries(draw: st.DrawFn) -> tuple[list[float], list[bool], list[bool]]:
    """One query's distances (few values, so that many tie), matches and kept images."""
    size = draw(st.integers(0, 14))
    return (
        [float(value) for value in draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))],
        draw(st.lists(st.booleans(), min_size=size, max_size=size)),
        draw(st.lists(st.booleans(), min_size=size, max_size=size)),
    )


def arrays(query: tuple[list[float], list[bool], list[bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    distances, match, kept = query
    return np.array(distances, np.float32), np.array(match, bool), np.array(kept, bool)


@settings(max_examples=400, deadline=None)
@given(queries())
def test_ranks_and_both_precisions_agree_with_the_definitions(
    query: tuple[list[float], list[bool], list[bool]],
) -> None:
    answer = oracle(*query)
    ranks = hit_ranks(*arrays(query))
    assert ranks.tolist() == answer.ranks
    if answer.ranks:
        assert average_precision(ranks) == pytest.approx(answer.precision)
        assert trapezoid_average_precision(ranks) == pytest.approx(answer.trapezoid)
        assert inverse_negative_penalty(ranks) == pytest.approx(len(answer.ranks) / answer.ranks[-1])


@settings(max_examples=200, deadline=None)
@given(queries(), st.integers(1, 16))
def test_the_nearest_images_are_the_first_of_the_full_sort(
    query: tuple[list[float], list[bool], list[bool]], count: int
) -> None:
    distances, _, kept = arrays(query)
    assert nearest(distances, kept, count).tolist() == oracle(*query).order[:count]


@settings(max_examples=100, deadline=None)
@given(st.lists(queries(), min_size=1, max_size=6))
def test_a_summary_averages_the_queries_that_have_a_match(
    problem: list[tuple[list[float], list[bool], list[bool]]],
) -> None:
    answers = [oracle(*query) for query in problem]
    scores = [QueryScore(hit_ranks(*arrays(query)), query[2].count(False)) for query in problem]
    found = summarise(scores, 10, (1, 3, 10, 20))
    counted = [answer for answer in answers if answer.ranks]
    assert found["queries"] == len(problem)
    assert found["queries_without_match"] == len(problem) - len(counted)
    assert found["junk"] == sum(query[2].count(False) for query in problem)
    curve = found["CMC"]
    assert isinstance(curve, dict)
    assert set(curve) == {"1", "3", "10"}
    if counted:
        assert found["mAP"] == pytest.approx(sum(a.precision for a in counted) / len(counted))
        assert found["mAP_trapezoid"] == pytest.approx(sum(a.trapezoid for a in counted) / len(counted))
        for rank in (1, 3, 10):
            assert curve[str(rank)] == pytest.approx(sum(a.ranks[0] <= rank for a in counted) / len(counted))
    else:
        assert found["mAP"] is None
        assert curve["1"] is None


def test_precisions_of_a_worked_example() -> None:
    ranks = np.array([1, 3, 6])
    assert average_precision(ranks) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert trapezoid_average_precision(ranks) == pytest.approx(
        ((1 + 1) / 2 + (1 / 2 + 2 / 3) / 2 + (2 / 5 + 3 / 6) / 2) / 3
    )
    assert inverse_negative_penalty(ranks) == pytest.approx(3 / 6)


@pytest.mark.parametrize("rank", [1, 2, 7])
def test_with_one_positive_the_trapezoid_is_the_mean_of_precision_and_rank_1(rank: int) -> None:
    ranks = np.array([rank])
    assert trapezoid_average_precision(ranks) == pytest.approx((average_precision(ranks) + (rank == 1)) / 2)


def test_removed_images_take_no_rank_and_ties_go_by_gallery_index() -> None:
    distances = np.array([0.1, 0.5, 0.5, 0.5, 0.2], np.float32)
    match = np.array([True, False, True, True, False])
    kept = np.array([False, True, True, True, True])
    assert hit_ranks(distances, match, kept).tolist() == [3, 4]
    assert nearest(distances, kept, 2).tolist() == [4, 1]


def test_a_curve_is_cut_to_its_length_and_rises_to_one() -> None:
    scores = [QueryScore(np.array(ranks, np.int64), 0) for ranks in ([2, 3], [5], [])]
    assert cumulative_matches(scores, 6).tolist() == [0, 0.5, 0.5, 0.5, 1, 1]
    assert cumulative_matches(scores, 3).tolist() == [0, 0.5, 0.5]
    assert cumulative_matches([], 2).tolist() == [0, 0]
    assert math.isclose(cumulative_matches(scores[:1], 2)[1], 1)
