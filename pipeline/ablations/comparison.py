"""How far one model is above another on the same queries, and how surely on other vehicles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.retrieval.scores import bootstrap_intervals


@dataclass(frozen=True)
class Difference:
    """How far a first model is above a second.

    Attributes:
        mean: Mean over the queries of the first's values less the second's.
        interval: Its 95 % interval over vehicles; None where no sample or fewer than two vehicles are drawn.
    """

    mean: float
    interval: tuple[float, float] | None


def paired_difference(
    first: NDArray[np.float64], second: NDArray[np.float64], vehicles: NDArray[np.generic], samples: int, seed: int
) -> Difference:
    """Compare two models by a measure of each query, as ``average_precision`` of ``queries.csv``.

    Args:
        first: `(Q,)` values of the first model, or `(S, Q)` of several trainings, whose mean over these is taken first.
        second: Likewise, of the same queries in the same order; the number of trainings may differ.
        vehicles: `(Q,)` vehicle of each query.
        samples: Times the vehicles are drawn with replacement, each with all its queries.
        seed: Of the draws.

    Raises:
        ValueError: The shapes disagree, there is no query, or a value is not finite.
    """
    gain = _over_trainings(first, "first", len(vehicles)) - _over_trainings(second, "second", len(vehicles))
    owner, asked = np.unique(vehicles, return_inverse=True, return_counts=True)[1:]
    sums = {"difference": np.bincount(owner, gain, len(asked)).astype(np.float64)}
    ends = bootstrap_intervals(sums, asked, samples, seed).get("difference")
    return Difference(float(gain.mean()), None if ends is None else (ends[0], ends[1]))


def _over_trainings(values: NDArray[np.float64], model: str, queries: int) -> NDArray[np.float64]:
    table = np.atleast_2d(np.asarray(values, np.float64))
    if not queries or table.ndim != 2 or table.shape[1] != queries or not len(table):
        raise ValueError(
            f"{model} model: expected values of {queries} queries, at least one, got an array of shape {values.shape}"
        )
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        training, query = bad[0]
        raise ValueError(
            f"{model} model: {len(bad)} values are not finite, as that of query {query} in training {training}"
        )
    return np.asarray(table.mean(0))
