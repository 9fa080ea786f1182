"""Evaluation of one model's features: every test set of a table, scored by a protocol."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.artifacts.features import Features
from pipeline.retrieval.alike import AlikeRanking, AlikeScores, look_alikes
from pipeline.retrieval.blocks import check_finite, distance_blocks, rank_problem
from pipeline.retrieval.expansion import ExpansionParams, expanded
from pipeline.retrieval.problems import Problem, TestSet, column, find_test_sets, leading_test_set, withheld_problem
from pipeline.retrieval.protocols import MODES, DrawsParams, protocol_of
from pipeline.retrieval.ranking import Ranks
from pipeline.retrieval.reranking import RerankParams, announced_memory, reranked_blocks
from pipeline.retrieval.scores import Scores
from pipeline.retrieval.summary import Alike, BootstrapParams, Evaluated, metrics_of
from pipeline.retrieval.tracks import images_of_tracks, track_sets
from pipeline.store.images import ImageStore
from pipeline.store.params import parameters


@parameters
class EvaluateParams:
    """The `evaluate` section of `params.yaml`."""

    protocol: str
    """A benchmark's: veri776, vehicleid, vric, veri_wild, cityflow_reid; or, for any table, cross_camera: images of the
    query's vehicle and camera are removed; every_camera: none is."""
    test_set: str | None
    """Test set whose figures lead; null: the last one whose identities are known."""
    group_by: str | None
    """Column of the table; each of its values is also evaluated apart, queries and gallery. Null: none."""
    alike: str | None
    """Column of the table; vehicles that share its value, as a model's name, look alike, and each query is also ranked
    among its look-alikes alone. Null: none."""
    tracks: str | None = Field(default=None, kw_only=True)
    """Column of the table that names each image's track; features averaged over a track are then ranked too, images
    against tracks and tracks against tracks. Null: none."""
    draws: DrawsParams
    """Galleries drawn where the protocol draws them (VehicleID: 10)."""
    query_expansion: ExpansionParams | None
    """Average query expansion, before re-ranking: {neighbours: 2, power: 3}; null: each query asks by itself, beside
    which figures of expanded ones never stand."""
    rerank: RerankParams | None
    """k-reciprocal re-ranking: {k1: 20, k2: 6, original_weight: 0.3}; null: plain distances, beside which re-ranked
    figures never stand."""
    ranks: tuple[PositiveInt, ...]
    """Ranks of the CMC among the metrics."""
    curve_length: PositiveInt
    """Ranks of the CMC curve."""
    ranking_length: NonNegativeInt
    """Nearest gallery images kept of each query."""
    bootstrap: BootstrapParams
    """95 % intervals over vehicles."""
    chunk_megabytes: PositiveInt
    """Distances held in memory together; a GPU takes what is free."""


def evaluate_problem(
    features: Features,
    problem: Problem,
    params: EvaluateParams,
    device: torch.device,
    count: int,
    alike: AlikeRanking | None = None,
) -> Ranks:
    """Rank the gallery of one problem, and keep the nearest `count` images of each query.

    Args:
        features: Features of its images.
        problem: Queries, gallery and junk.
        params: How they are compared.
        device: Where distances are computed.
        count: Nearest images kept of each query.
        alike: Shown the distances too.

    Raises:
        ValueError: A feature is not finite.
    """
    check_finite(features)
    queries, gallery, megabytes = problem.queries, problem.gallery, params.chunk_megabytes
    if params.query_expansion is not None:
        features, queries = expanded(features, problem, params.query_expansion, megabytes, device)
    blocks: Iterator[NDArray[np.float32]]
    if params.rerank is None:
        blocks = distance_blocks(features, queries, gallery, megabytes, device)
    else:
        blocks = reranked_blocks(features, queries, gallery, params.rerank, megabytes, device)
    return rank_problem(blocks if alike is None else alike.watched(blocks), problem, count)


@dataclass(frozen=True)
class Evaluation:
    """One model's features, evaluated on every test set of a table.

    Attributes:
        leading: The test set whose figures lead.
        test_sets: All of them, in the table's order.
        metrics: Those of the leading test set as `metrics_of` gives them, ``protocol`` with its version, ``test_set``,
            ``distance``, ``query_expansion`` and ``rerank`` (false where there is none, else its parameters), the
            leading set's groups under ``groups``, its tracks under ``tracks`` (their ``column``, and metrics of each of
            `MODES`; None without tracks) and, where there are several, each test set's own metrics under
            ``test_sets``.
        by_tracks: Test sets without identities, their images ranked by the tracks they are in.
    """

    leading: Evaluated
    test_sets: list[Evaluated]
    metrics: dict[str, Any]
    by_tracks: list[Evaluated]


def evaluate_table(
    store: ImageStore,
    features: Features,
    params: EvaluateParams,
    device: torch.device,
    say: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Evaluate every test set of a table, and each group of the leading one apart.

    Args:
        store: The table.
        features: Features of the images of its test sets.
        params: Protocol and sizes.
        device: Where distances are computed.
        say: Told what re-ranking will need, before it starts.

    Raises:
        ValueError: The protocol, the test set or the column is unknown, the protocol does not fit the test set, a
            feature is missing or not finite, or no query has a match in the gallery.
    """
    protocol = protocol_of(params.protocol)
    tests = find_test_sets(store, features.rows)
    name = leading_test_set(tests, params.test_set, str(store.path)).name
    if params.rerank is not None:
        _announce(tests, params.rerank, say)
    looks = looks_of(store, features, params)
    found = {test.name: evaluate_test_set(test, features, params, device, looks) for test in tests}
    metrics = {test: metrics_of(item, params.ranks, params.bootstrap) for test, item in found.items()}
    leading = found[name]
    _check_matches(leading, store, params.protocol)
    everything = {
        **metrics[name],
        "protocol": f"{params.protocol}/{protocol.version}",
        "test_set": name,
        "distance": features.distance,
        "query_expansion": False if params.query_expansion is None else asdict(params.query_expansion),
        "rerank": False if params.rerank is None else asdict(params.rerank),
        "groups": _groups(store, features, leading.test, params, device, looks),
        "tracks": _tracks(store, features, leading.test, params, device),
        "test_sets": metrics if len(metrics) > 1 else {},
    }
    withheld = [item for item in found.values() if item.test.withheld and params.tracks is not None]
    by_tracks = [_by_tracks(store, features, item, params, device) for item in withheld]
    return Evaluation(leading, list(found.values()), everything, by_tracks)


def looks_of(store: ImageStore, features: Features, params: EvaluateParams) -> NDArray[np.str_] | None:
    """`(M,)` value of the column `params.alike` for each feature's image, None where there is none; as `column`."""
    return None if params.alike is None else column(store, params.alike, "evaluate.alike")[features.rows]


def _announce(tests: Sequence[TestSet], rerank: RerankParams, say: Callable[[str], None]) -> None:
    for test in tests:
        images = len(test.roles) + int(np.count_nonzero(test.roles == "both"))
        least, most = (size / 1e6 for size in announced_memory(images, rerank))
        need = f"{least:,.0f} to {most:,.0f} MB beyond their features"
        say(f"re-ranking {images:,} images of test set {test.name}: {need}")


def evaluate_test_set(
    test: TestSet,
    features: Features,
    params: EvaluateParams,
    device: torch.device,
    looks: NDArray[np.str_] | None = None,
) -> Evaluated:
    """Rank and score one test set by the protocol, in all its draws; the first keeps its nearest images.

    Args:
        test: The test set.
        features: Features of its images.
        params: Protocol and sizes.
        device: Where distances are computed.
        looks: `(M,)` value of the column `params.alike` for each feature's image, "" where unknown; None scores no
            look-alikes.

    Raises:
        ValueError: The protocol is unknown or does not fit the test set, or a feature is not finite.
    """
    rule = protocol_of(params.protocol).rule
    problems = [withheld_problem(test)] if test.withheld else rule(test, params.draws)
    alike = None if looks is None or test.withheld else look_alikes(test, looks[test.positions])
    scores: list[Scores] = []
    alike_scores: list[AlikeScores] = []
    kept: list[Ranks] = []
    for problem in problems:
        among = None if alike is None else AlikeRanking(problem, alike.groups)
        ranks = evaluate_problem(features, problem, params, device, 0 if kept else params.ranking_length, among)
        scores.append(Scores(ranks.ranks, ranks.counts, ranks.junk, len(problem.gallery)))
        alike_scores += [] if among is None else [among.scores()]
        kept = kept or [ranks]
    found = None if alike is None else Alike(str(params.alike), alike.mixed, alike_scores)
    return Evaluated(test, problems, scores, kept[0], found)


def _check_matches(evaluated: Evaluated, store: ImageStore, protocol: str) -> None:
    if evaluated.test.withheld or any(scores.counted.any() for scores in evaluated.scores):
        return
    queries = len(evaluated.problems[0].queries)
    raise ValueError(
        f"{store.path}: test set {evaluated.test.name}: none of {queries} queries has a match in the gallery that "
        f"evaluate.protocol ({protocol}) lets count; if the same camera took them all, evaluate.protocol: every_camera "
        "removes no image of the query's camera"
    )


def _groups(
    store: ImageStore,
    features: Features,
    leading: TestSet,
    params: EvaluateParams,
    device: torch.device,
    looks: NDArray[np.str_] | None,
) -> dict[str, Any]:
    """Metrics of the test set's images of each value of the column `group_by`, where those make a problem."""
    if params.group_by is None or leading.withheld:
        return {}
    labels = column(store, params.group_by, "evaluate.group_by")[features.rows[leading.positions]]
    parts = {str(value): leading.restricted(labels == value) for value in np.unique(labels)}
    rankless = replace(params, ranking_length=0)
    return {
        value: metrics_of(evaluate_test_set(part, features, rankless, device, looks), params.ranks, params.bootstrap)
        for value, part in parts.items()
        if part.askable
    }


def _tracks(
    store: ImageStore, features: Features, leading: TestSet, params: EvaluateParams, device: torch.device
) -> dict[str, Any] | None:
    """Metrics of the leading test set's tracks."""
    if params.tracks is None or leading.withheld:
        return None
    sets = track_sets(leading, features, _names(store, features, leading, params.tracks))
    rankless = replace(params, ranking_length=0)
    found = {mode: evaluate_test_set(sets.tests[mode], sets.features, rankless, device) for mode in MODES}
    metrics = {mode: metrics_of(item, params.ranks, params.bootstrap) for mode, item in found.items()}
    return {"column": params.tracks, **metrics}


def _by_tracks(
    store: ImageStore, features: Features, evaluated: Evaluated, params: EvaluateParams, device: torch.device
) -> Evaluated:
    """A test set without identities, the images of its gallery in the order of their tracks."""
    test = evaluated.test
    sets = track_sets(test, features, _names(store, features, test, str(params.tracks)))
    ranks = evaluate_test_set(sets.tests["image_to_track"], sets.features, params, device).ranks
    images = images_of_tracks(ranks.nearest, sets.members, params.ranking_length)
    return replace(evaluated, ranks=replace(evaluated.ranks, nearest=images))


def _names(store: ImageStore, features: Features, test: TestSet, name: str) -> NDArray[np.str_]:
    return column(store, name, "evaluate.tracks")[features.rows[test.positions]]
