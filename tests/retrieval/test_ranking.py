import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval_oracle import Query, summary

from pipeline.retrieval import ranking
from pipeline.retrieval.ranking import Pairs, Ranks, rank_block, rows_at_once
from pipeline.retrieval.scores import (
    Scores,
    average_precision,
    inverse_negative_penalty,
    summarise,
    trapezoid_average_precision,
)

RANKS = (1, 3, 5, 20)
VALUES = (0.0, -0.0, 1e-45, 0.25, 0.5, 0.5 + 2**-24, 1.0, 3.5, 1e30, float("inf"))
"""Few, so that many tie: zeros of both signs, the smallest float32, neighbours, the greatest."""

KINDS = ("relevant", "junk", "other", "other")


@st.composite
def problems(draw: st.DrawFn) -> list[Query]:
    """Problems with ties, junk, queries without a match and galleries as short as one image."""
    gallery = draw(st.integers(1, 24))
    count = draw(st.integers(1, 5))
    values = draw(st.sampled_from([VALUES, VALUES[:2], VALUES[3:5]]))
    queries = []
    for _ in range(count):
        kinds = draw(st.lists(st.sampled_from(KINDS), min_size=gallery, max_size=gallery))
        distances = draw(st.lists(st.sampled_from(values), min_size=gallery, max_size=gallery))
        chosen = {kind: {index for index, found in enumerate(kinds) if found == kind} for kind in KINDS[:2]}
        queries.append(Query(distances, **chosen))
    return queries


def pairs(sets: list[set[int]]) -> Pairs:
    listed = [(query, index) for query, indices in enumerate(sets) for index in sorted(indices, reverse=True)]
    table = np.array(listed, np.int64).reshape(-1, 2)
    return Pairs(table[:, 0], table[:, 1])


def ranked(problem: list[Query], count: int) -> Ranks:
    distances = np.array([query.distances for query in problem], np.float32)
    return rank_block(
        distances, pairs([query.relevant for query in problem]), pairs([query.junk for query in problem]), count
    )


def scores(problem: list[Query]) -> Scores:
    found = ranked(problem, 0)
    return Scores(found.ranks, found.counts, found.junk, len(problem[0].distances))


@settings(max_examples=1500, deadline=None)
@given(problems(), st.integers(0, 26))
def test_ranks_and_neighbours_are_those_of_a_full_sort(problem: list[Query], count: int) -> None:
    found = ranked(problem, count)
    assert found.ranks.tolist() == [rank for query in problem for rank in query.ranks]
    assert found.counts.tolist() == [len(query.relevant) for query in problem]
    assert found.junk.tolist() == [len(query.junk) for query in problem]
    assert found.nearest.shape == found.nearest_distances.shape == (len(problem), count)
    for query, nearest, distances in zip(problem, found.nearest, found.nearest_distances, strict=True):
        expected = query.order[:count]
        assert nearest.tolist() == expected + [-1] * (count - len(expected))
        at = np.array([query.distances[index] for index in expected], np.float32)
        np.testing.assert_array_equal(distances, np.append(at, np.full(count - len(expected), np.inf, np.float32)))


@settings(max_examples=1500, deadline=None)
@given(problems())
def test_every_metric_agrees_with_the_definitions(problem: list[Query]) -> None:
    found = scores(problem)
    counted = [query for query in problem if query.relevant]
    assert average_precision(found).tolist() == pytest.approx([query.average_precision for query in counted])
    assert trapezoid_average_precision(found).tolist() == pytest.approx([query.trapezoid for query in counted])
    assert inverse_negative_penalty(found).tolist() == pytest.approx([query.negative_penalty for query in counted])
    expected, summarised = summary(problem, RANKS), summarise(found, RANKS)
    assert summarised.pop("CMC") == pytest.approx(expected.pop("CMC"))
    assert summarised == pytest.approx(expected)


@pytest.mark.parametrize("count", [0, 7, 100])
def test_large_galleries_are_ranked_exactly_though_only_a_sample_of_them_guesses_the_reach(count: int) -> None:
    generator = np.random.default_rng(count)
    distances = generator.random((6, 5000), np.float32)
    distances[0, ::4] += 5  # the images sampled are all far: the guess reaches too far
    distances[1, ::4] /= 1e6  # the images sampled are the nearest: the guess falls short
    distances[2] = 0.5  # all tie
    problem = []
    for row in distances:
        relevant, junk = generator.permutation(5000)[:60].reshape(2, 30)
        problem.append(Query([float(value) for value in row], set(relevant.tolist()), set(junk.tolist())))
    found = ranked(problem, count)
    assert found.ranks.tolist() == [rank for query in problem for rank in query.ranks]
    assert found.nearest.tolist() == [query.order[:count] for query in problem]


def test_a_guess_that_falls_short_of_the_neighbours_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "SAMPLE", 2)
    near = np.full(64, 9, np.float32)
    near[::32] = 0
    problem = [Query(near.tolist(), {5}, {0}), Query(near.tolist(), set(), set())]
    assert ranked(problem, 40).nearest.tolist() == [query.order[:40] for query in problem]


@pytest.mark.parametrize("gallery", [1, 2, 3, 1024, 1025, 1 << 20, 1 << 31])
def test_as_many_queries_fit_a_key_as_are_ranked_at_once(gallery: int) -> None:
    bits = max(gallery - 1, 1).bit_length()
    assert (rows_at_once(gallery) << (31 + bits)) - 1 <= np.iinfo(np.int64).max
    assert rows_at_once(gallery) >= 1


def test_a_gallery_whose_images_cannot_be_numbered_is_refused() -> None:
    with pytest.raises(ValueError, match=f"at most {1 << 31} images, got {(1 << 31) + 1}"):
        rows_at_once((1 << 31) + 1)
