"""Metrics of an evaluated test set: means over queries and draws, with their spread."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt

from pipeline.retrieval.alike import AlikeScores
from pipeline.retrieval.problems import Problem, TestSet
from pipeline.retrieval.ranking import Ranks
from pipeline.retrieval.scores import (
    METRICS,
    Scores,
    average_precision,
    bootstrap_intervals,
    expected_average_precision,
    matched_within,
    summarise,
)
from pipeline.store.params import parameters


@parameters
class BootstrapParams:
    """`evaluate.bootstrap`: 95 % intervals over vehicles."""

    samples: NonNegativeInt
    """Times the vehicles are drawn with replacement, each with all its queries; 0 leaves the intervals out."""
    seed: NonNegativeInt
    """Of the draws."""


Measure = Callable[[Scores], NDArray[np.float64]]
"""What each counted query of some scores contributes to a mean."""


@dataclass(frozen=True)
class Alike:
    """One test set, evaluated among look-alikes.

    Attributes:
        column: Whose values say which vehicles look alike.
        mixed: Vehicles whose images have several of its values.
        scores: Of each problem.
    """

    column: str
    mixed: int
    scores: list[AlikeScores]


@dataclass(frozen=True)
class Evaluated:
    """One test set, evaluated.

    Attributes:
        test: The test set.
        problems: One, or one for each draw.
        scores: Of each problem.
        ranks: Of the first problem, with its nearest images.
        alike: The same among look-alikes; None where no column says which those are.
    """

    test: TestSet
    problems: list[Problem]
    scores: list[Scores]
    ranks: Ranks
    alike: Alike | None = None


def metrics_of(evaluated: Evaluated, ranks: Sequence[int], bootstrap: BootstrapParams) -> dict[str, Any]:
    """Metrics of a test set.

    Args:
        evaluated: What was scored.
        ranks: Ranks of the CMC to report.
        bootstrap: Of the intervals.

    Returns:
        Those of `pipeline.retrieval.scores.summarise`, means over the draws where there are several; ``interval``: the
        95 % bootstrap interval of each over vehicles, with ``samples``; and ``alike``: what `_alike_metrics` gives, or
        None. Several draws add ``draws``: their ``count``, and each metric's ``deviation`` (standard, over the draws)
        and ``values``.
    """
    summaries = [summarise(scores, ranks) for scores in evaluated.scores]
    reported = [rank for rank in ranks if rank <= evaluated.scores[0].gallery]
    measures = METRICS | {f"CMC.{rank}": functools.partial(matched_within, rank=rank) for rank in reported}
    result = {
        **summaries[0],
        "interval": _intervals(evaluated.problems, evaluated.scores, measures, bootstrap),
        "alike": None if evaluated.alike is None else _alike_metrics(evaluated.problems, evaluated.alike, bootstrap),
    }
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


def _alike_metrics(problems: Sequence[Problem], alike: Alike, bootstrap: BootstrapParams) -> dict[str, Any]:
    """Metrics among look-alikes.

    Returns:
        ``column``; ``mAP`` and ``CMC`` (rank 1 alone, as galleries are small) with their ``interval``; ``chance``, the
        mAP of a random order; the ``queries`` these are means over; ``queries_alone`` and ``queries_without_match``,
        which are left out; ``mixed_vehicles``.
    """
    measures: dict[str, Measure] = {"mAP": average_precision, "CMC.1": functools.partial(matched_within, rank=1)}
    scores = [found.scores for found in alike.scores]
    asked = [(found.scores.counts[found.scores.counted], found.images[found.scores.counted]) for found in alike.scores]
    chance = np.concatenate([expected_average_precision(positives, images) for positives, images in asked])
    means = {
        name: float(np.mean(np.concatenate([measure(found) for found in scores]))) if len(chance) else None
        for name, measure in measures.items()
    }
    first = alike.scores[0]
    return {
        "column": alike.column,
        **_nested(means),
        "chance": float(chance.mean()) if len(chance) else None,
        "queries": int(np.count_nonzero(first.scores.counted)),
        "queries_alone": int(np.count_nonzero(first.alone)),
        "queries_without_match": int(np.count_nonzero(~first.scores.counted & ~first.alone)),
        "mixed_vehicles": alike.mixed,
        "interval": _intervals(problems, scores, measures, bootstrap),
    }


def _intervals(
    problems: Sequence[Problem], scores: Sequence[Scores], measures: Mapping[str, Measure], bootstrap: BootstrapParams
) -> dict[str, Any]:
    """95 % intervals of the means of some measures over the counted queries of all draws, and ``samples``."""
    asking = [problem.query_vehicles[found.counted] for problem, found in zip(problems, scores, strict=True)]
    owner, asked = np.unique(np.concatenate(asking), return_inverse=True, return_counts=True)[1:]
    values = {name: np.concatenate([measure(found) for found in scores]) for name, measure in measures.items()}
    sums = {name: np.bincount(owner, found, len(asked)).astype(np.float64) for name, found in values.items()}
    return {"samples": bootstrap.samples, **_nested(bootstrap_intervals(sums, asked, **asdict(bootstrap)))}
