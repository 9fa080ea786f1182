import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.ablations.comparison import paired_difference

VEHICLES = np.array(["a", "a", "a", "b"])


def test_the_difference_is_a_mean_over_queries_after_the_mean_over_trainings() -> None:
    first = np.array([[0.9, 0.5, 0.1, 0.2], [0.7, 0.5, 0.3, 0.4]])
    second = np.array([0.5, 0.5, 0.2, 0.1])
    found = paired_difference(first, second, VEHICLES, 1000, 0)
    assert found.mean == pytest.approx((0.3 + 0 + 0 + 0.2) / 4)
    # of two vehicles drawn, a resample holds a alone, b alone or both: means 0.1, 0.2, 0.125; the ends are the extremes
    assert found.interval == pytest.approx((0.1, 0.2))


def test_the_ends_are_percentiles_over_all_draws_of_vehicles_worked_out_one_by_one() -> None:
    gains, sizes = np.array([0.4, -0.2, 0.1]), np.array([1, 4, 2])
    vehicles, values = np.repeat(np.arange(3), sizes), np.repeat(gains, sizes)
    draws = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3)  # all 27, equally likely
    means = np.array([(gains * sizes)[draw].sum() / sizes[draw].sum() for draw in draws])
    found = paired_difference(values, np.zeros(7), vehicles, 20_000, 0)
    assert found.interval is not None
    for end, percentile in zip(found.interval, (2.5, 97.5), strict=True):
        assert end == pytest.approx(np.percentile(means, percentile, method="inverted_cdf"))


def fleet_of_queries(generator: np.random.Generator, vehicles: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Vehicle and gain of 6 queries of each vehicle, which share most of what moves them; the true mean is 0.1."""
    own = generator.normal(0.1, 0.1, vehicles)
    owner = np.repeat(np.arange(vehicles), 6)
    return owner, own[owner] + generator.normal(0, 0.03, len(owner))


def test_the_interval_over_vehicles_covers_the_truth_where_one_over_queries_does_not() -> None:
    generator = np.random.default_rng(0)
    covered = {"vehicles": 0, "queries": 0}
    for trial in range(300):
        owner, gain = fleet_of_queries(generator, 40)
        for name, unit in (("vehicles", owner), ("queries", np.arange(len(owner)))):
            interval = paired_difference(gain, np.zeros(len(gain)), unit, 200, trial).interval
            assert interval is not None
            covered[name] += interval[0] <= 0.1 <= interval[1]
    assert 0.89 <= covered["vehicles"] / 300 <= 0.98
    assert covered["queries"] / 300 < 0.75


def test_what_both_models_find_equally_hard_does_not_widen_the_interval() -> None:
    generator = np.random.default_rng(1)
    hard = generator.random(60)
    interval = paired_difference(hard + 0.1, hard, np.repeat(np.arange(20), 3), 200, 0).interval
    assert interval == pytest.approx((0.1, 0.1))


def test_one_vehicle_or_no_sample_gives_no_interval() -> None:
    values = np.array([0.5, 0.25])
    assert paired_difference(values, values / 2, np.array(["a", "a"]), 100, 0).interval is None
    assert paired_difference(values, values / 2, np.array(["a", "b"]), 0, 0).interval is None
    assert paired_difference(values, values / 2, np.array(["a", "a"]), 100, 0).mean == pytest.approx(0.1875)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros(3), np.zeros(4), r"first model: expected values of 4 queries, .* got an array of shape \(3,\)"),
        (np.zeros(4), np.zeros((2, 3)), r"second model: .* got an array of shape \(2, 3\)"),
        (np.zeros(4), np.zeros((0, 4)), r"second model: .* got an array of shape \(0, 4\)"),
        (
            np.array([[0, 0, 0, 0], [0, 0, np.nan, np.inf]]),
            np.zeros(4),
            "first model: 2 values are not finite, as that of query 2 in training 1",
        ),
    ],
)
def test_values_that_do_not_fit_are_refused(
    first: NDArray[np.float64], second: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        paired_difference(first, second, VEHICLES, 10, 0)


def test_no_query_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        paired_difference(np.zeros(0), np.zeros(0), np.zeros(0, str), 10, 0)
