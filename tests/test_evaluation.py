import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import hdf5
from pipeline.evaluation import EvaluateParams, evaluate, evaluate_table, write_evaluation
from pipeline.features import Features
from pipeline.metrics import average_precision
from pipeline.protocols import PROTOCOLS, Problem
from tests.conftest import TinyData

PARAMS = EvaluateParams(
    protocol="cross_camera", group_by=None, ranks=(1, 5), curve_length=50, ranking_length=3, queries_at_once=2
)


def random_problem(seed: int) -> tuple[Features, Problem]:
    generator = np.random.default_rng(seed)
    values = np.round(generator.normal(size=(40, 6)), 1).astype(np.float32)
    features = Features(np.arange(100, 140), values, np.zeros((40, 0), np.float32), "euclidean", (6,))
    labels = generator.integers(0, 6, 40), generator.integers(0, 3, 40)
    return features, Problem(np.arange(9), np.arange(9, 40), *labels)


def tiny_features(data: TinyData) -> Features:
    """Features of the tiny set's queries and gallery: the first query finds its vehicle, the second does not."""
    values = np.array([[1, 0], [0, 1], [1, 0.1], [0.9, -0.5]], np.float32)
    rows = data.store.rows("query", "gallery")
    return Features(rows, values, np.zeros((4, 0), np.float32), "euclidean", (2,))


def test_metrics_agree_with_a_full_sort_of_double_precision_distances() -> None:
    features, problem = random_problem(0)
    found = evaluate(features, problem, PROTOCOLS["cross_camera"], 5, 4)
    exact = features.features.astype(np.float64)
    for query, score in enumerate(found.scores):
        match, kept = problem.relevance(query, PROTOCOLS["cross_camera"])
        distances = np.round(((exact[problem.gallery] - exact[query]) ** 2).sum(1), 4)
        order = [index for index in np.argsort(distances, kind="stable") if kept[index]]
        hits = [rank for rank, index in enumerate(order, 1) if match[index]]
        if hits:
            precision = np.mean([count / rank for count, rank in enumerate(hits, 1)])
            assert average_precision(score.ranks) == pytest.approx(precision, abs=0.02)
        assert score.junk == np.count_nonzero(~kept)


def test_the_result_does_not_depend_on_how_many_queries_are_held_at_once() -> None:
    features, problem = random_problem(1)
    results = [evaluate(features, problem, PROTOCOLS["cross_camera"], 5, size) for size in (1, 4, 100)]
    for other in results[1:]:
        for first, second in zip(results[0].scores, other.scores, strict=True):
            np.testing.assert_array_equal(first.ranks, second.ranks)
        np.testing.assert_array_equal(np.stack(results[0].nearest), np.stack(other.nearest))


def test_features_that_are_not_finite_are_refused_with_their_rows() -> None:
    features, problem = random_problem(2)
    features.features[7, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 40 are not finite, as those of table rows 107"):
        evaluate(features, problem, PROTOCOLS["cross_camera"], 5, 4)


def test_metrics_name_the_protocol_and_each_group_is_measured_apart(tiny_data: TinyData) -> None:
    features = tiny_features(tiny_data)
    _, _, metrics = evaluate_table(tiny_data.store, features, replace(PARAMS, group_by="vehicle_id"))
    assert metrics["mAP"] == pytest.approx((1 + 1 / 2) / 2)
    assert (metrics["protocol"], metrics["distance"], metrics["rerank"]) == ("cross_camera", "euclidean", False)
    assert (metrics["queries"], metrics["gallery"], metrics["queries_without_match"]) == (2, 2, 0)
    assert set(metrics["CMC"]) == {"1"}, "the gallery has two images: no rank 5"
    assert set(metrics["groups"]) == {"0003", "0004"}
    assert metrics["groups"]["0003"]["mAP"] == 1
    assert metrics["groups"]["0004"]["gallery"] == 1


def test_an_unknown_protocol_and_a_table_without_any_match_are_refused(tiny_data: TinyData) -> None:
    features = tiny_features(tiny_data)
    with pytest.raises(ValueError, match="expected one of cross_camera, every_camera, got 'veri'"):
        evaluate_table(tiny_data.store, features, replace(PARAMS, protocol="veri"))
    one_sided = replace(features, rows=features.rows[[0, 3]], features=features.features[[0, 3]])
    one_sided = replace(one_sided, area_ratios=features.area_ratios[[0, 3]])
    with pytest.raises(ValueError, match="none of 1 queries has a match"):
        evaluate_table(tiny_data.store, one_sided, PARAMS)


def test_what_is_written_says_what_was_found(tiny_data: TinyData, tmp_path: Path) -> None:
    features, store = tiny_features(tiny_data), tiny_data.store
    problem, evaluation, metrics = evaluate_table(store, features, PARAMS)
    write_evaluation(tmp_path, store, features, problem, evaluation, metrics, PARAMS, {"features": "f"})
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    with open(tmp_path / "cmc.csv", newline="") as stream:
        assert [row["rank"] for row in csv.DictReader(stream)] == ["1", "2"]
    with open(tmp_path / "queries.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["path"] for line in lines] == store.paths[features.rows[problem.queries]].tolist()
    assert lines[0]["positives"] == "1"
    with hdf5.Cache(tmp_path / "ranking.h5", "ranking/1", store.digest) as cache:
        assert cache["rows"][()].tolist() == features.rows[problem.queries].tolist()
        gallery, match, distances = cache["gallery"][()], cache["match"][()], cache["distances"][()]
    assert gallery.shape == match.shape == distances.shape == (2, 3)
    assert (gallery[:, 2] == -1).all()
    assert np.isinf(distances[:, 2]).all()
    assert not match[:, 2].any()
    same = store.vehicle_ids[gallery[:, :2]] == store.vehicle_ids[features.rows[problem.queries]][:, None]
    np.testing.assert_array_equal(match[:, :2], same)
    assert (np.diff(distances[:, :2], axis=1) >= 0).all()


def test_a_query_without_a_match_leaves_its_cells_empty(tiny_data: TinyData, tmp_path: Path) -> None:
    features, store = tiny_features(tiny_data), tiny_data.store
    kept = [0, 1, 2]
    partial = Features(features.rows[kept], features.features[kept], features.area_ratios[kept], "euclidean", (2,))
    problem, evaluation, metrics = evaluate_table(store, partial, PARAMS)
    write_evaluation(tmp_path, store, partial, problem, evaluation, metrics, PARAMS, {})
    with open(tmp_path / "queries.csv", newline="") as stream:
        line = list(csv.DictReader(stream))[1]
    assert metrics["queries_without_match"] == 1
    assert (line["average_precision"], line["first_hit"], line["positives"]) == ("", "", "0")
