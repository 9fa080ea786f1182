"""Evaluation of one model's features: every test set of a table, scored by a protocol."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.distance_blocks import check_finite, distance_blocks, rank_problem
from pipeline.features import Features
from pipeline.images import ImageStore
from pipeline.metrics import METRICS, Scores, bootstrap_intervals, matched_within, summarise
from pipeline.protocols import Draws, Problem, TestSet, column, find_test_sets, protocol_of, withheld_problem
from pipeline.ranking import Ranks
from pipeline.reranking import Rerank, reranked_blocks


@dataclass(frozen=True)
class Bootstrap:
    """`evaluate.bootstrap`: 95 % intervals over queries.

    Attributes:
        samples: Times the queries are drawn with replacement; 0 leaves the intervals out.
        seed: Of the draws.
    """

    samples: int
    seed: int


@dataclass(frozen=True)
class EvaluateParams:
    """The `evaluate` section of `params.yaml`.

    Attributes:
        protocol: A key of `pipeline.protocols.PROTOCOLS`.
        test_set: Test set whose figures lead; null: the last one whose identities are known.
        group_by: Column of the table; each of its values is also evaluated apart, queries and gallery. Null: none.
        draws: Galleries drawn where the protocol draws them.
        rerank: k-reciprocal re-ranking; null: plain distances.
        ranks: Ranks of the CMC among the metrics.
        curve_length: Ranks of the CMC curve.
        ranking_length: Nearest gallery images kept of each query.
        bootstrap: Confidence intervals.
        chunk_megabytes: Distances held in memory together; a GPU takes what is free.
    """

    protocol: str
    test_set: str | None
    group_by: str | None
    draws: Draws
    rerank: Rerank | None
    ranks: tuple[int, ...]
    curve_length: int
    ranking_length: int
    bootstrap: Bootstrap
    chunk_megabytes: int


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


def evaluate_problem(
    features: Features, problem: Problem, params: EvaluateParams, device: torch.device, count: int
) -> Ranks:
    """Rank the gallery of one problem, and keep the nearest `count` images of each query.

    Raises:
        ValueError: A feature is not finite.
    """
    check_finite(features)
    queries, gallery, megabytes = problem.queries, problem.gallery, params.chunk_megabytes
    blocks: Iterator[NDArray[np.float32]]
    if params.rerank is None:
        blocks = distance_blocks(features, queries, gallery, megabytes, device)
    else:
        blocks = reranked_blocks(features, queries, gallery, params.rerank, megabytes, device)
    return rank_problem(blocks, problem, count)


def scores_of(ranks: Ranks, problem: Problem) -> Scores:
    """What a problem's ranks are scored by."""
    return Scores(ranks.ranks, ranks.counts, ranks.junk, len(problem.gallery))


def evaluate_table(
    store: ImageStore, features: Features, params: EvaluateParams, device: torch.device
) -> tuple[Evaluated, list[Evaluated], dict[str, Any]]:
    """Evaluate every test set of a table, and each group of the leading one apart.

    Args:
        store: The table.
        features: Features of the images of its test sets.
        params: Protocol and sizes.
        device: Where distances are computed.

    Returns:
        The leading test set, all of them in the table's order, and the metrics: those of the leading test set as
        `problem_metrics` gives them, ``protocol`` with its version, ``test_set``, ``distance``, ``rerank`` (false
        for plain distances, else its parameters), the leading set's groups under ``groups`` and, where there are
        several, each test set's own metrics under ``test_sets``.

    Raises:
        ValueError: The protocol, the test set or the column is unknown, the protocol does not fit the test set, a
            feature is missing or not finite, or no query has a match in the gallery.
    """
    protocol_of(params.protocol)
    tests = find_test_sets(store, features.rows)
    leading = _leading(tests, params.test_set, store)
    found = {test.name: _evaluate_test_set(test, features, params, device) for test in tests}
    metrics = {name: problem_metrics(item, params) for name, item in found.items()}
    first = found[leading]
    _check_matches(first, store)
    rerank = False if params.rerank is None else asdict(params.rerank)
    return (
        first,
        list(found.values()),
        {
            **metrics[leading],
            "protocol": protocol_of(params.protocol)[1],
            "test_set": leading,
            "distance": features.distance,
            "rerank": rerank,
            "groups": _groups(store, features, first, params, device),
            "test_sets": metrics if len(metrics) > 1 else {},
        },
    )


def _leading(tests: Sequence[TestSet], wanted: str | None, store: ImageStore) -> str:
    names = [test.name for test in tests]
    if wanted is None:
        return ([test.name for test in tests if not test.withheld] or names)[-1]
    if wanted not in names:
        raise ValueError(f"{store.path}: test_set: expected one of {', '.join(names)}, got {wanted!r}")
    return wanted


def _evaluate_test_set(test: TestSet, features: Features, params: EvaluateParams, device: torch.device) -> Evaluated:
    rule, _ = protocol_of(params.protocol)
    problems = [withheld_problem(test)] if test.withheld else rule(test, params.draws)
    scores: list[Scores] = []
    kept: list[Ranks] = []
    for problem in problems:
        ranks = evaluate_problem(features, problem, params, device, 0 if kept else params.ranking_length)
        scores.append(scores_of(ranks, problem))
        kept = kept or [ranks]
    return Evaluated(test, problems, scores, kept[0])


def _check_matches(evaluated: Evaluated, store: ImageStore) -> None:
    if evaluated.test.withheld or any(scores.counted.any() for scores in evaluated.scores):
        return
    queries = len(evaluated.problems[0].queries)
    raise ValueError(
        f"{store.path}: test set {evaluated.test.name}: none of {queries} queries has a match in the gallery"
    )


def _groups(
    store: ImageStore, features: Features, leading: Evaluated, params: EvaluateParams, device: torch.device
) -> dict[str, Any]:
    if params.group_by is None:
        return {}
    labels = column(store, params.group_by)[features.rows]
    groups = {}
    for value in np.unique(labels[leading.problems[0].queries]):
        problems = [problem.restricted(labels == value) for problem in leading.problems]
        problems = [problem for problem in problems if len(problem.queries) and len(problem.gallery)]
        ranks = [evaluate_problem(features, problem, params, device, 0) for problem in problems]
        scores = [scores_of(rank, problem) for rank, problem in zip(ranks, problems, strict=True)]
        if scores:
            groups[str(value)] = problem_metrics(Evaluated(leading.test, problems, scores, ranks[0]), params)
    return groups


def problem_metrics(evaluated: Evaluated, params: EvaluateParams) -> dict[str, Any]:
    """Metrics of a test set.

    Returns:
        Those of `pipeline.metrics.summarise`, means over the draws where there are several, and ``interval``: the
        95 % bootstrap interval of each over queries, with ``samples``. Draws add ``draws``: their ``count`` and
        ``seed``, and each metric's ``deviation`` (standard, over the draws) and ``values``.
    """
    summaries = [summarise(scores, params.ranks) for scores in evaluated.scores]
    intervals = bootstrap_intervals(_query_values(evaluated, params.ranks), **asdict(params.bootstrap))
    result = {**summaries[0], "interval": {"samples": params.bootstrap.samples, **_nested(intervals)}}
    if len(summaries) == 1:
        return result
    values = {name: np.array([_flat(summary)[name] for summary in summaries], float) for name in _flat(summaries[0])}
    result |= _nested({name: float(found.mean()) for name, found in values.items()})
    deviation = _nested({name: float(found.std(ddof=1)) for name, found in values.items()})
    each = _nested({name: found.tolist() for name, found in values.items()})
    return {**result, "draws": {**asdict(params.draws), "deviation": deviation, "values": each}}


def _flat(summary: dict[str, Any]) -> dict[str, Any]:
    """The measures of a summary by one name each, those of the CMC as ``CMC.1``."""
    cmc = {f"CMC.{rank}": rate for rank, rate in summary["CMC"].items()}
    return {**{name: summary[name] for name in METRICS}, **cmc}


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Undo `_flat`."""
    cmc = {name.removeprefix("CMC."): value for name, value in values.items() if name.startswith("CMC.")}
    return {**{name: value for name, value in values.items() if name in METRICS}, "CMC": cmc}


def _query_values(evaluated: Evaluated, ranks: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Measure -> what each counted query contributes; an image that is a query of several draws, its mean."""
    pairs = list(zip(evaluated.problems, evaluated.scores, strict=True))
    images, owner = np.unique(
        np.concatenate([problem.queries[scores.counted] for problem, scores in pairs]), return_inverse=True
    )
    times = np.bincount(owner, minlength=len(images))

    def mean(measure: Callable[[Scores], NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.bincount(owner, np.concatenate([measure(scores) for scores in evaluated.scores]), len(images)) / times

    reported = [rank for rank in ranks if rank <= evaluated.scores[0].gallery]
    return {
        **{name: mean(metric) for name, metric in METRICS.items()},
        **{f"CMC.{rank}": mean(functools.partial(matched_within, rank=rank)) for rank in reported},
    }
