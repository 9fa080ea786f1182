"""Evaluation of one model's features under a protocol: metrics, CMC curve, per-query table and ranking."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline import hdf5
from pipeline.distances import DISTANCES
from pipeline.features import Features
from pipeline.files import write_csv, write_json
from pipeline.images import ImageStore
from pipeline.metrics import QueryScore, average_precision, cumulative_matches, hit_ranks, nearest, summarise
from pipeline.protocols import PROTOCOLS, Problem, Protocol, column, problem_of

RANKING_SCHEMA = "ranking/1"
QUERY_COLUMNS = ("path", "average_precision", "first_hit", "junk", "positives")


@dataclass(frozen=True)
class EvaluateParams:
    """The `evaluate` section of `params.yaml`.

    Attributes:
        protocol: A key of `pipeline.protocols.PROTOCOLS`.
        group_by: Column of the table; each of its values is also evaluated apart, queries and gallery. Null: none.
        ranks: Ranks of the CMC among the metrics.
        curve_length: Ranks of the CMC curve.
        ranking_length: Nearest gallery images kept of each query.
        queries_at_once: Queries whose distances are held in memory together.
    """

    protocol: str
    group_by: str | None
    ranks: tuple[int, ...]
    curve_length: int
    ranking_length: int
    queries_at_once: int


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        scores: One a query.
        nearest: One a query: `(<= ranking_length,)` indices into the problem's gallery, nearest first.
        nearest_distances: Their distances.
    """

    scores: list[QueryScore] = field(default_factory=list)
    nearest: list[NDArray[np.int64]] = field(default_factory=list)
    nearest_distances: list[NDArray[np.float32]] = field(default_factory=list)


def evaluate(
    features: Features, problem: Problem, protocol: Protocol, ranking_length: int, queries_at_once: int
) -> Evaluation:
    """Score every query, holding the distances of `queries_at_once` of them at a time.

    Args:
        features: Features and how they compare.
        problem: Queries and gallery among them.
        protocol: Which gallery images count.
        ranking_length: Nearest images kept of each query; 0 keeps none.
        queries_at_once: Queries a chunk; the result does not depend on it beyond the rounding of distances.

    Raises:
        ValueError: A feature is not finite.
    """
    bad = np.flatnonzero(~np.isfinite(features.features).all(1))
    if len(bad):
        rows = ", ".join(str(features.rows[position]) for position in bad[:3])
        raise ValueError(f"features: {len(bad)} of {len(features.rows)} are not finite, as those of table rows {rows}")
    result = Evaluation()
    for query, distances in enumerate(_distances(features, problem, queries_at_once)):
        match, kept = problem.relevance(query, protocol)
        result.scores.append(QueryScore(hit_ranks(distances, match, kept), int(np.count_nonzero(~kept))))
        if ranking_length:
            found = nearest(distances, kept, ranking_length)
            result.nearest.append(found)
            result.nearest_distances.append(distances[found])
    return result


def _distances(features: Features, problem: Problem, queries_at_once: int) -> Iterator[NDArray[np.float32]]:
    """Distances of one query after the other to the gallery, `(G,)` float32, computed in chunks."""
    compare = DISTANCES[features.distance]
    values, ratios = torch.from_numpy(features.features), torch.from_numpy(features.area_ratios)
    gallery = torch.from_numpy(problem.gallery)
    gallery_values, gallery_ratios = values[gallery], ratios[gallery]
    for chunk in torch.split(torch.from_numpy(problem.queries), queries_at_once):
        block = compare(values[chunk], gallery_values, ratios[chunk], gallery_ratios, features.dimensions)
        yield from block.numpy()


def evaluate_table(
    store: ImageStore, features: Features, params: EvaluateParams
) -> tuple[Problem, Evaluation, dict[str, Any]]:
    """Evaluate a data set's queries, and each group of them apart.

    Args:
        store: The table.
        features: Features of its query and gallery images.
        params: Protocol and sizes.

    Returns:
        The problem, its evaluation, and the metrics: those of `pipeline.metrics.summarise`, ``protocol``,
        ``distance``, ``rerank`` (always false: plain distances) and, under ``groups``, the same for each value of
        the column `group_by` that has queries.

    Raises:
        ValueError: The protocol or the column is unknown, or no query has a match in the gallery.
    """
    if params.protocol not in PROTOCOLS:
        raise ValueError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got {params.protocol!r}")
    protocol = PROTOCOLS[params.protocol]
    problem = problem_of(store, features.rows)
    evaluation = evaluate(features, problem, protocol, params.ranking_length, params.queries_at_once)
    if not any(len(score.ranks) for score in evaluation.scores):
        raise ValueError(f"{store.path}: none of {len(problem.queries)} queries has a match in the gallery")
    metrics: dict[str, Any] = summarise(evaluation.scores, len(problem.gallery), params.ranks)
    metrics |= {"protocol": params.protocol, "distance": features.distance, "rerank": False, "groups": {}}
    if params.group_by is not None:
        labels = column(store, params.group_by)[features.rows]
        for value in np.unique(labels[problem.queries]):
            part = problem.restricted(labels == value)
            scores = evaluate(features, part, protocol, 0, params.queries_at_once).scores
            metrics["groups"][str(value)] = summarise(scores, len(part.gallery), params.ranks)
    return problem, evaluation, metrics


def write_evaluation(
    folder: Path,
    store: ImageStore,
    features: Features,
    problem: Problem,
    evaluation: Evaluation,
    metrics: dict[str, Any],
    params: EvaluateParams,
    made_by: dict[str, str],
) -> None:
    """Write ``metrics.json``, ``cmc.csv``, ``queries.csv`` and ``ranking.h5``.

    `ranking.h5` holds `rows` `(Q,)` query rows of the table, `gallery` `(Q, R)` int64 rows of the nearest images
    padded with -1, `distances` `(Q, R)` float32 padded with infinity, and `match` `(Q, R)` bool.

    Args:
        folder: ``data/evaluation/<dataset>/<model>``.
        store: The table.
        features: What was evaluated.
        problem: Queries and gallery.
        evaluation: Scores and nearest images.
        metrics: Content of ``metrics.json``.
        params: Lengths of curve and ranking.
        made_by: Makers, for the header of ``ranking.h5``.
    """
    write_json(folder / "metrics.json", metrics)
    curve = cumulative_matches(evaluation.scores, min(params.curve_length, len(problem.gallery)))
    write_csv(
        folder / "cmc.csv",
        [{"rank": rank, "rate": float(rate)} for rank, rate in enumerate(curve, 1)],
        ("rank", "rate"),
    )
    query_rows = features.rows[problem.queries]
    paths = store.paths[query_rows]
    write_csv(
        folder / "queries.csv",
        [_query_line(str(path), score) for path, score in zip(paths, evaluation.scores, strict=True)],
        QUERY_COLUMNS,
    )
    shape = (len(query_rows), params.ranking_length)
    gallery, distances, match = np.full(shape, -1, np.int64), np.full(shape, np.inf, np.float32), np.zeros(shape, bool)
    for query, found in enumerate(evaluation.nearest):
        positions = problem.gallery[found]
        gallery[query, : len(found)] = features.rows[positions]
        distances[query, : len(found)] = evaluation.nearest_distances[query]
        match[query, : len(found)] = problem.vehicles[positions] == problem.vehicles[problem.queries[query]]
    with hdf5.create(folder / "ranking.h5", hdf5.Header(RANKING_SCHEMA, store.digest, made_by)) as cache:
        cache.array("rows", query_rows)
        cache.array("gallery", gallery)
        cache.array("distances", distances)
        cache.array("match", match)


def _query_line(path: str, score: QueryScore) -> dict[str, object]:
    """One line of ``queries.csv``; average precision and first hit stay empty without a match."""
    line: dict[str, object] = {"path": path, "junk": score.junk, "positives": len(score.ranks)}
    if len(score.ranks):
        line |= {"average_precision": average_precision(score.ranks), "first_hit": int(score.ranks[0])}
    return line
