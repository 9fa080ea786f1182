import itertools

import numpy as np
import pytest

from pipeline.retrieval.scores import (
    Scores,
    average_precision,
    bootstrap_intervals,
    cumulative_matches,
    expected_average_precision,
    inverse_negative_penalty,
    matched_within,
    summarise,
    trapezoid_average_precision,
)


def scores(*ranks: list[int], gallery: int = 10) -> Scores:
    """Scores of queries whose relevant images have these ranks."""
    flat = np.array([rank for query in ranks for rank in query], np.int64)
    counts = np.array([len(query) for query in ranks], np.int64)
    return Scores(flat, counts, np.zeros(len(ranks), np.int64), gallery)


def test_precisions_of_a_worked_example() -> None:
    found = scores([1, 3, 6])
    assert average_precision(found) == pytest.approx([(1 + 2 / 3 + 3 / 6) / 3])
    assert trapezoid_average_precision(found) == pytest.approx(
        [((1 + 1) / 2 + (1 / 2 + 2 / 3) / 2 + (2 / 5 + 3 / 6) / 2) / 3]
    )
    assert inverse_negative_penalty(found) == pytest.approx([3 / 6])


@pytest.mark.parametrize("rank", [1, 2, 7])
def test_with_one_positive_the_trapezoid_is_the_mean_of_precision_and_rank_1(rank: int) -> None:
    found = scores([rank])
    assert trapezoid_average_precision(found) == pytest.approx((average_precision(found) + (rank == 1)) / 2)


def test_with_one_positive_the_precision_is_the_reciprocal_rank() -> None:
    assert average_precision(scores([1], [4], [5])).tolist() == [1, 1 / 4, 1 / 5]


def test_queries_without_a_match_are_left_out_of_every_mean_and_counted() -> None:
    found = summarise(scores([2], [], [1, 2], []), (1, 2))
    assert found["mAP"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["CMC"] == {"1": 0.5, "2": 1.0}
    assert (found["queries"], found["queries_without_match"]) == (4, 2)


def test_without_any_match_there_is_no_mean() -> None:
    found = summarise(scores([], []), (1, 20))
    assert [found[name] for name in ("mAP", "mAP_trapezoid", "mINP")] == [None] * 3
    assert found["CMC"] == {"1": None}, "the gallery has no rank 20"


def test_a_curve_is_cut_to_its_length_and_to_the_gallery() -> None:
    found = scores([2, 3], [5], [], gallery=6)
    assert cumulative_matches(found, 6).tolist() == [0, 0.5, 0.5, 0.5, 1, 1]
    assert cumulative_matches(found, 3).tolist() == [0, 0.5, 0.5]
    assert len(cumulative_matches(found, 50)) == 6
    assert cumulative_matches(scores([], gallery=2), 2).tolist() == [0, 0]


def test_the_mean_of_what_is_matched_within_a_rank_is_the_curve_there() -> None:
    found = scores([2, 3], [5], [], [1])
    for rank in (1, 2, 5, 9):
        assert matched_within(found, rank).mean() == pytest.approx(cumulative_matches(found, 10)[rank - 1])


ONCE = np.ones(400, np.int64)


def test_intervals_hold_the_mean_and_repeat() -> None:
    values = {"a": np.random.default_rng(0).random(400), "b": np.repeat(0.25, 400)}
    found = bootstrap_intervals(values, ONCE, 500, 3)
    assert found == bootstrap_intervals(values, ONCE, 500, 3)
    assert found["a"] != bootstrap_intervals(values, ONCE, 500, 4)["a"]
    assert found["a"][0] < values["a"].mean() < found["a"][1]
    assert found["b"] == pytest.approx([0.25, 0.25])


def test_an_interval_is_as_wide_as_the_standard_error_says() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.2, 400)
    low, high = bootstrap_intervals({"a": values}, ONCE, 4000, 0)["a"]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)


def test_a_vehicle_asked_often_weighs_as_often() -> None:
    asked = np.where(np.arange(400) < 200, 1, 9)
    sums = np.where(np.arange(400) < 200, 1.0, 0.0)  # the mean over all askings is 0.1
    low, high = bootstrap_intervals({"a": sums}, asked, 1000, 0)["a"]
    assert low < 0.1 < high < 0.15


def test_without_vehicles_or_samples_there_is_no_interval() -> None:
    assert bootstrap_intervals({"a": np.zeros(0)}, ONCE[:0], 10, 0) == {}
    assert bootstrap_intervals({"a": np.ones(3)}, ONCE[:3], 0, 0) == {}


@pytest.mark.parametrize(("positives", "images"), [(p, n) for n in range(1, 8) for p in range(1, n + 1)])
def test_chance_is_the_mean_over_all_orders(positives: int, images: int) -> None:
    orders = [list(ranks) for ranks in itertools.combinations(range(1, images + 1), positives)]
    expected = average_precision(scores(*orders, gallery=images)).mean()
    found = expected_average_precision(np.array([positives]), np.array([images]))
    assert found == pytest.approx([expected])


def test_chance_of_several_queries_is_each_ones_own() -> None:
    found = expected_average_precision(np.array([1, 2, 3]), np.array([2, 2, 100]))
    assert found[:2] == pytest.approx([3 / 4, 1])
    generator = np.random.default_rng(0)
    orders = [np.sort(generator.choice(100, 3, replace=False) + 1).tolist() for _ in range(20_000)]
    assert found[2] == pytest.approx(average_precision(scores(*orders, gallery=100)).mean(), rel=0.03)
    assert not len(expected_average_precision(np.zeros(0, np.int64), np.zeros(0, np.int64)))


def test_one_vehicle_gives_no_interval() -> None:
    assert bootstrap_intervals({"a": np.ones(1)}, np.array([5]), 10, 0) == {}
