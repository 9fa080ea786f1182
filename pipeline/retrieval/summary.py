"""Metrics of an evaluated test set: means over queries and draws, with their spread."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt

from pipeline.retrieval.protocols import Problem, TestSet
from pipeline.retrieval.ranking import Ranks
from pipeline.retrieval.scores import METRICS, Scores, bootstrap_intervals, matched_within, summarise
from pipeline.store.params import parameters


@parameters
class BootstrapParams:
    """`evaluate.bootstrap`: 95 % intervals over queries."""

    samples: NonNegativeInt
    """Times the queries are drawn with replacement; 0 leaves the intervals out."""
    seed: NonNegativeInt
    """Of the draws."""


@dataclass(frozen=True)
class Evaluated:
    """One test set, evaluated.

    Attributes:
        test: The test set.
        problems: One, or one for each draw.
        scores: Of each problem.
        ranks: Of the first problem, with its nearest images.
    """

    test: TestSet
    problems: list[Problem]
    scores: list[Scores]
    ranks: Ranks


def metrics_of(evaluated: Evaluated, ranks: Sequence[int], bootstrap: BootstrapParams) -> dict[str, Any]:
    """Metrics of a test set.

    Args:
        evaluated: What was scored.
        ranks: Ranks of the CMC to report.
        bootstrap: Of the intervals.

    Returns:
        Those of `pipeline.retrieval.scores.summarise`, means over the draws where there are several, and
        ``interval``: the 95 % bootstrap interval of each over queries, with ``samples``. Several draws add ``draws``:
        their ``count``, and each metric's ``deviation`` (standard, over the draws) and ``values``.
    """
    summaries = [summarise(scores, ranks) for scores in evaluated.scores]
    intervals = bootstrap_intervals(*_query_sums(evaluated, ranks), **asdict(bootstrap))
    result = {**summaries[0], "interval": {"samples": bootstrap.samples, **_nested(intervals)}}
    if len(summaries) == 1:
        return result
    values = {name: np.array([_flat(summary)[name] for summary in summaries], float) for name in _flat(summaries[0])}
    result |= _nested({name: float(found.mean()) for name, found in values.items()})
    deviation = _nested({name: float(found.std(ddof=1)) for name, found in values.items()})
    each = _nested({name: found.tolist() for name, found in values.items()})
    return {**result, "draws": {"count": len(summaries), "deviation": deviation, "values": each}}


def _flat(summary: dict[str, Any]) -> dict[str, Any]:
    """The measures of a summary by one name each, those of the CMC as ``CMC.1``."""
    cmc = {f"CMC.{rank}": rate for rank, rate in summary["CMC"].items()}
    return {**{name: summary[name] for name in METRICS}, **cmc}


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Undo `_flat`."""
    cmc = {name.removeprefix("CMC."): value for name, value in values.items() if name.startswith("CMC.")}
    return {**{name: value for name, value in values.items() if name in METRICS}, "CMC": cmc}


def _query_sums(evaluated: Evaluated, ranks: Sequence[int]) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Measure -> `(Q,)` sum over the draws of what each counted query image contributes, and in how many it did."""
    pairs = list(zip(evaluated.problems, evaluated.scores, strict=True))
    images, owner = np.unique(
        np.concatenate([problem.queries[scores.counted] for problem, scores in pairs]), return_inverse=True
    )

    def total(measure: Callable[[Scores], NDArray[np.float64]]) -> NDArray[np.float64]:
        values = np.concatenate([measure(scores) for scores in evaluated.scores])
        return np.asarray(np.bincount(owner, values, len(images)), np.float64)

    reported = [rank for rank in ranks if rank <= evaluated.scores[0].gallery]
    sums = {
        **{name: total(metric) for name, metric in METRICS.items()},
        **{f"CMC.{rank}": total(functools.partial(matched_within, rank=rank)) for rank in reported},
    }
    return sums, np.bincount(owner, minlength=len(images))
