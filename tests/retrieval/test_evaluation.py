import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from drawn_vehicles import TinyData
from retrieval_oracle import queries_of, summary

from pipeline.artifacts.features import Features
from pipeline.artifacts.ranking import read_ranking
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.retrieval.blocks import distance_blocks, queries_at_once
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_problem, evaluate_table
from pipeline.retrieval.expansion import ExpansionParams, expanded
from pipeline.retrieval.output import outcome, write_evaluation
from pipeline.retrieval.problems import Problem
from pipeline.retrieval.protocols import DrawsParams
from pipeline.retrieval.reranking import RerankParams
from pipeline.retrieval.scores import Scores, summarise
from pipeline.retrieval.summary import BootstrapParams
from pipeline.store.images import ImageStore
from pipeline.store.params import build

CPU = torch.device("cpu")
PARAMS = EvaluateParams(
    protocol="cross_camera",
    test_set=None,
    group_by=None,
    alike=None,
    tracks=None,
    draws=DrawsParams(count=10, seed=0),
    query_expansion=None,
    rerank=None,
    ranks=(1, 5),
    curve_length=50,
    ranking_length=3,
    bootstrap=BootstrapParams(samples=50, seed=0),
    chunk_megabytes=1,
)

RERANK = {"k1": 2, "k2": 1, "original_weight": 0.3}


def random_problem(seed: int) -> tuple[Features, Problem]:
    """Features whose distances are whole numbers, exact in any order of summation, with many ties."""
    generator = np.random.default_rng(seed)
    values = generator.integers(-2, 3, (60, 6)).astype(np.float32)
    features = Features(np.arange(100, 160), values, np.zeros((60, 0), np.float32), "euclidean", (6,))
    vehicles, cameras = generator.integers(0, 6, 60), generator.integers(-1, 3, 60)
    queries, gallery = np.split(generator.permutation(60), [9])
    columns = (vehicles[queries], vehicles[gallery], cameras[queries], cameras[gallery])
    return features, Problem(queries, gallery, *columns, remove_same_camera=True)


def tiny_features(data: TinyData) -> Features:
    """Features of the tiny set's queries and gallery: the first query finds its vehicle, the second does not."""
    values = np.array([[1, 0], [0, 1], [1, 0.1], [0.9, -0.5]], np.float32)
    return Features(data.store.test_rows(), values, np.zeros((4, 0), np.float32), "euclidean", (2,))


@pytest.mark.parametrize("seed", range(8))
def test_a_problem_is_scored_as_the_definitions_say(seed: int) -> None:
    features, problem = random_problem(seed)
    ranks = evaluate_problem(features, problem, PARAMS, CPU, 4)
    queries = queries_of(features, problem, remove_same_camera=True)
    found, expected = summarise(Scores(ranks.ranks, ranks.counts, ranks.junk, 51), (1, 5)), summary(queries, (1, 5))
    assert found.pop("CMC") == pytest.approx(expected.pop("CMC"))
    assert found == pytest.approx(expected)
    assert ranks.nearest.tolist() == [query.order[:4] for query in queries]


def test_the_result_does_not_depend_on_how_many_queries_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    features, problem = random_problem(1)
    results = []
    for size in (1, 4, 100):
        monkeypatch.setattr("pipeline.retrieval.blocks.queries_at_once", lambda *_, size=size: size)
        monkeypatch.setattr("pipeline.retrieval.blocks.RANKED_AT_ONCE", size * 60)
        results.append(evaluate_problem(features, problem, PARAMS, CPU, 5))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].ranks, other.ranks)
        np.testing.assert_array_equal(results[0].nearest, other.nearest)


def test_distances_take_no_more_memory_than_they_are_given() -> None:
    assert queries_at_once(128_517, 128, CPU) * 128_517 * 4 * 2 <= 128e6
    assert queries_at_once(10**9, 1, CPU) == 1


def test_a_gpu_takes_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (16_000_000, 10**9))
    assert queries_at_once(1000, 1, torch.device("cuda")) == 1000


def test_a_gallery_whose_images_follow_one_another_is_not_copied() -> None:
    features, _ = random_problem(0)
    queries = np.arange(5)
    apart = np.concatenate([np.arange(5, 59), [59]])
    whole = next(distance_blocks(features, queries, apart, 1, CPU))
    turned = next(distance_blocks(features, queries, apart[::-1].copy(), 1, CPU))
    np.testing.assert_array_equal(whole, turned[:, ::-1])


def test_features_that_are_not_finite_are_refused_with_their_rows() -> None:
    features, problem = random_problem(2)
    features.features[7, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 60 are not finite or too long .* for example table rows 107"):
        evaluate_problem(features, problem, PARAMS, CPU, 5)


def test_features_too_long_for_float32_are_refused() -> None:
    features, problem = random_problem(2)
    features.features[3] = 1e19
    with pytest.raises(ValueError, match="1 of 60 .* too long .* table rows 103"):
        evaluate_problem(features, problem, PARAMS, CPU, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ranks": [0, 1]}, r"evaluate\.ranks\[0\]: expected a number above 0, got 0"),
        ({"curve_length": 0}, r"evaluate\.curve_length: expected a number above 0, got 0"),
        ({"ranking_length": -1}, r"evaluate\.ranking_length: expected 0 or more, got -1"),
        ({"chunk_megabytes": 0}, r"evaluate\.chunk_megabytes: expected a number above 0, got 0"),
        ({"draws": {"count": 0, "seed": 0}}, r"evaluate\.draws\.count: expected a number above 0, got 0"),
        ({"draws": {"count": 1, "seed": -1}}, r"evaluate\.draws\.seed: expected 0 or more, got -1"),
        ({"bootstrap": {"samples": -1, "seed": 0}}, r"evaluate\.bootstrap\.samples: expected 0 or more, got -1"),
        ({"bootstrap": {"samples": 0, "seed": -1}}, r"evaluate\.bootstrap\.seed: expected 0 or more, got -1"),
        (
            {"query_expansion": {"neighbours": 0, "power": 1}},
            r"evaluate\.query_expansion\.neighbours: expected a number above 0, got 0",
        ),
        (
            {"query_expansion": {"neighbours": 1, "power": -1}},
            r"evaluate\.query_expansion\.power: expected 0 or more, got -1",
        ),
        ({"rerank": {**RERANK, "k1": 0}}, r"evaluate\.rerank\.k1: expected a number above 0, got 0"),
        ({"rerank": {**RERANK, "k2": 0}}, r"evaluate\.rerank\.k2: expected a number above 0, got 0"),
        (
            {"rerank": {**RERANK, "original_weight": 1.5}},
            r"evaluate\.rerank\.original_weight: expected 1 or less, got 1",
        ),
    ],
)
def test_a_value_out_of_range_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(EvaluateParams, asdict(PARAMS) | change, "evaluate")


def test_metrics_name_the_protocol_and_each_group_is_measured_apart(tiny_data: TinyData) -> None:
    features = tiny_features(tiny_data)
    metrics = evaluate_table(tiny_data.store, features, replace(PARAMS, group_by="vehicle_id"), CPU).metrics
    assert metrics["mAP"] == pytest.approx((1 + 1 / 2) / 2)
    assert (metrics["protocol"], metrics["test_set"]) == ("cross_camera/1", "test")
    manner = {key: metrics[key] for key in ("distance", "query_expansion", "rerank")}
    assert manner == {"distance": "euclidean", "query_expansion": False, "rerank": False}
    assert metrics["test_sets"] == {}
    assert (metrics["queries"], metrics["gallery"], metrics["queries_without_match"]) == (2, 2, 0)
    assert set(metrics["CMC"]) == {"1"}, "the gallery has two images: no rank 5"
    assert metrics["interval"]["mAP"] == [0.5, 1.0]
    assert set(metrics["interval"]["CMC"]) == {"1"}
    assert set(metrics["groups"]) == {"0003", "0004"}
    assert metrics["groups"]["0003"]["mAP"] == 1
    assert metrics["groups"]["0004"]["gallery"] == 1


def test_intervals_draw_vehicles_with_all_their_queries(uneven_store: ImageStore) -> None:
    rows = uneven_store.test_rows()
    found_at_once = np.array([vehicle in ("b0", "b1") for vehicle in uneven_store.vehicle_ids])
    codes = np.unique(uneven_store.vehicle_ids, return_inverse=True)[1]
    values = np.where(found_at_once, codes, -(rows % 7)).astype(np.float32)[:, None]
    features = Features(rows, values, np.zeros((len(rows), 0), np.float32), "euclidean", (1,))
    params = replace(PARAMS, protocol="vehicleid", group_by="size", bootstrap=BootstrapParams(400, 0))
    metrics = evaluate_table(uneven_store, features, params, CPU).metrics["groups"]["b"]
    low, high = metrics["interval"]["CMC"]["1"]
    # half of the queries are found, those of two of four vehicles; drawing 36 images alone would give at most 0.33
    assert metrics["CMC"]["1"] > 0.5
    assert high - low > 0.5


@pytest.mark.parametrize("rerank", [None, RerankParams(5, 2, 0.3)])
def test_expanded_queries_are_those_that_are_ranked(rerank: RerankParams | None) -> None:
    features, problem = random_problem(3)
    params, expansion = replace(PARAMS, rerank=rerank), ExpansionParams(neighbours=4, power=1)
    further, queries = expanded(features, problem, expansion, 1, CPU)
    expected = evaluate_problem(further, replace(problem, queries=queries), params, CPU, 5)
    ranks = evaluate_problem(features, problem, replace(params, query_expansion=expansion), CPU, 5)
    np.testing.assert_array_equal(ranks.ranks, expected.ranks)
    np.testing.assert_array_equal(ranks.nearest, expected.nearest)
    assert not np.array_equal(ranks.nearest, evaluate_problem(features, problem, params, CPU, 5).nearest)


def test_query_expansion_is_recorded_with_its_parameters(tiny_data: TinyData) -> None:
    params = replace(PARAMS, query_expansion=ExpansionParams(neighbours=1, power=3))
    metrics = evaluate_table(tiny_data.store, tiny_features(tiny_data), params, CPU).metrics
    assert metrics["query_expansion"] == {"neighbours": 1, "power": 3}


def test_re_ranking_announces_its_memory_and_is_recorded_with_its_parameters(tiny_data: TinyData) -> None:
    params = replace(PARAMS, rerank=RerankParams(**RERANK))
    said: list[str] = []
    metrics = evaluate_table(tiny_data.store, tiny_features(tiny_data), params, CPU, said.append).metrics
    assert metrics["rerank"] == RERANK
    assert said == ["re-ranking 4 images of test set test: 0 to 0 MB beyond their features"]


def test_an_unknown_protocol_or_test_set_and_a_table_without_any_match_are_refused(tiny_data: TinyData) -> None:
    features = tiny_features(tiny_data)
    with pytest.raises(ValueError, match="expected one of veri776, .*, got 'veri'"):
        evaluate_table(tiny_data.store, features, replace(PARAMS, protocol="veri"), CPU)
    with pytest.raises(ValueError, match="test_set: expected one of test, got 'large'"):
        evaluate_table(tiny_data.store, features, replace(PARAMS, test_set="large"), CPU)


@pytest.fixture
def large_store(tmp_path: Path) -> ImageStore:
    """Three test sets of eight images: `small` and `large` drawn, `official` withheld."""
    records = []
    for index in range(8):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((16, 16, 3), index, np.uint8))
        roles = {"large": "drawn"} | ({"small": "drawn"} if index < 5 else {})
        records.append(ImageRecord(f"{index}.png", "test", f"v{index % 3}", roles=roles))
    for index, role in ((8, "query"), (9, "query"), (10, "gallery"), (11, "gallery")):
        cv2.imwrite(str(tmp_path / f"{index:06d}.png"), np.full((16, 16, 3), index, np.uint8))
        records.append(ImageRecord(f"{index:06d}.png", "extra", roles={"official": role}))
    write_store(tmp_path / "store.h5", records, tmp_path, ImageLimitsParams(10_000, 8, "stop"), "set")
    return ImageStore(tmp_path / "store.h5")


def drawn_features(store: ImageStore) -> Features:
    values = np.array([[0.0], [1], [2], [0.4], [3], [1.5], [2.5], [1.2], [1], [9], [2], [8]], np.float32)
    return Features(store.test_rows(), values, np.zeros((len(values), 0), np.float32), "euclidean", (1,))


def test_every_test_set_is_scored_from_one_extraction_and_the_last_known_one_leads(large_store: ImageStore) -> None:
    params = replace(PARAMS, protocol="vehicleid", draws=DrawsParams(count=4, seed=1))
    evaluation = evaluate_table(large_store, drawn_features(large_store), params, CPU)
    metrics = evaluation.metrics
    assert evaluation.leading.test.name == metrics["test_set"] == "small"
    assert [item.test.name for item in evaluation.test_sets] == ["large", "small", "official"]
    assert (metrics["queries"], metrics["gallery"]) == (2, 3)
    assert metrics["test_sets"]["large"]["queries"] == 5
    assert metrics["test_sets"]["official"]["mAP"] is None
    draws = metrics["test_sets"]["large"]["draws"]
    assert (draws["count"], len(draws["values"]["mAP"])) == (4, 4)
    assert metrics["test_sets"]["large"]["mAP"] == pytest.approx(np.mean(draws["values"]["mAP"]))
    assert draws["deviation"]["mAP"] == pytest.approx(np.std(draws["values"]["mAP"], ddof=1))
    assert draws["deviation"]["mAP"] > 0
    assert draws["values"]["CMC"]["1"][0] <= 1
    chosen = evaluate_table(large_store, drawn_features(large_store), replace(params, test_set="large"), CPU).metrics
    assert chosen["mAP"] == metrics["test_sets"]["large"]["mAP"]


@pytest.fixture
def uneven_store(tmp_path: Path) -> ImageStore:
    """Twelve vehicles of two images and four of ten, all drawn; the column `odd` varies within a vehicle."""
    vehicles = [f"a{index // 2}" for index in range(24)] + [f"b{index // 10}" for index in range(40)]
    records = []
    for index, vehicle in enumerate(vehicles):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((16, 16, 3), index, np.uint8))
        groups = {"size": vehicle[0], "odd": str(index % 3), "each": str(index)}
        records.append(ImageRecord(f"{index}.png", "test", vehicle, groups=groups))
    write_store(tmp_path / "store.h5", records, tmp_path, ImageLimitsParams(10_000, 8, "stop"), "set")
    return ImageStore(tmp_path / "store.h5")


def test_the_interval_of_drawn_galleries_holds_their_mean_though_vehicles_differ_in_size(
    uneven_store: ImageStore,
) -> None:
    rows = uneven_store.test_rows()
    known = np.array([vehicle[0] == "a" for vehicle in uneven_store.vehicle_ids])  # alone found at rank 1
    codes = np.unique(uneven_store.vehicle_ids, return_inverse=True)[1]
    values = np.where(known, codes, -(rows % 7)).astype(np.float32)[:, None]
    features = Features(rows, values, np.zeros((len(rows), 0), np.float32), "euclidean", (1,))
    params = replace(PARAMS, protocol="vehicleid", bootstrap=BootstrapParams(400, 0))
    metrics = evaluate_table(uneven_store, features, params, CPU).metrics
    for name in ("mAP", "mAP_trapezoid", "mINP"):
        low, high = metrics["interval"][name]
        assert low < metrics[name] < high
    assert metrics["interval"]["CMC"]["1"][0] < metrics["CMC"]["1"] < metrics["interval"]["CMC"]["1"][1]


@pytest.mark.parametrize(("column", "groups"), [("size", ["a", "b"]), ("odd", ["0", "1", "2"]), ("each", [])])
def test_groups_of_a_drawn_set_are_drawn_from_their_own_images(
    uneven_store: ImageStore, column: str, groups: list[str]
) -> None:
    rows = uneven_store.test_rows()
    values = np.random.default_rng(0).normal(size=(len(rows), 3)).astype(np.float32)
    features = Features(rows, values, np.zeros((len(rows), 0), np.float32), "euclidean", (3,))
    params = replace(PARAMS, protocol="vehicleid", group_by=column)
    metrics = evaluate_table(uneven_store, features, params, CPU).metrics
    assert list(metrics["groups"]) == groups
    for value, found in metrics["groups"].items():
        members = uneven_store.vehicle_ids[uneven_store.groups[column] == value]
        assert found["gallery"] == len(set(members))
        assert found["queries"] == len(members) - len(set(members))
        assert (found["queries_without_match"], found["draws"]["count"]) == (0, 10)


def test_draws_and_the_submission_are_written(large_store: ImageStore, tmp_path: Path) -> None:
    params = replace(PARAMS, protocol="vehicleid", draws=DrawsParams(count=4, seed=1))
    features = drawn_features(large_store)
    evaluation = evaluate_table(large_store, features, params, CPU)
    write_evaluation(tmp_path / "out", large_store, features, evaluation, 5, {})
    tables = tmp_path / "out" / "tables"
    with open(tables / "draws.csv", newline="") as stream:
        drawn = list(csv.DictReader(stream))
    assert len(drawn) == 4 * (3 + 3)
    first = [line["path"] for line in drawn if (line["test_set"], line["draw"]) == ("small", "0")]
    assert first == large_store.paths[features.rows[evaluation.leading.problems[0].gallery]].tolist()
    with open(tables / "queries.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 4 * (5 + 2), "nothing of the withheld set"
    assert (tables / "submission_official.txt").read_text() == "10 11\n11 10\n"


def test_a_table_whose_identities_are_all_withheld_is_ranked_and_not_scored(
    large_store: ImageStore, tmp_path: Path
) -> None:
    params = replace(PARAMS, protocol="vehicleid", test_set="official")
    features = drawn_features(large_store)
    evaluation = evaluate_table(large_store, features, params, CPU)
    write_evaluation(tmp_path / "out", large_store, features, evaluation, 5, {})
    assert [evaluation.metrics[name] for name in ("mAP", "CMC", "queries")] == [None, {"1": None}, 2]
    assert (tmp_path / "out" / "cmc.csv").read_text() == "rank,rate\n"
    assert not read_ranking(tmp_path / "out" / "ranking.h5", large_store.digest).match.any()


def test_what_is_written_says_what_was_found(tiny_data: TinyData, tmp_path: Path) -> None:
    features, store = tiny_features(tiny_data), tiny_data.store
    evaluation = evaluate_table(store, features, PARAMS, CPU)
    write_evaluation(tmp_path, store, features, evaluation, 50, {"features": "f"})
    queries = features.rows[evaluation.leading.problems[0].queries]
    assert json.loads((tmp_path / "metrics.json").read_text()) == evaluation.metrics
    with open(tmp_path / "cmc.csv", newline="") as stream:
        assert [row["rank"] for row in csv.DictReader(stream)] == ["1", "2"]
    with open(tmp_path / "tables" / "queries.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["path"] for line in lines] == store.paths[queries].tolist()
    assert [line["average_precision"] for line in lines] == ["1.0", "0.5"]
    assert [(line["first_hit"], line["positives"], line["junk"]) for line in lines] == [
        ("1", "1", "0"),
        ("2", "1", "0"),
    ]
    rows, gallery, distances, match, *views = read_ranking(tmp_path / "ranking.h5", store.digest)
    assert rows.tolist() == queries.tolist()
    assert gallery.shape == match.shape == distances.shape == (2, 3)
    assert (gallery[:, 2] == -1).all()
    assert np.isinf(distances[:, 2]).all()
    assert not match[:, 2].any()
    same = store.vehicle_ids[gallery[:, :2]] == store.vehicle_ids[queries][:, None]
    np.testing.assert_array_equal(match[:, :2], same)
    assert (np.diff(distances[:, :2], axis=1) >= 0).all()
    assert [part.shape for part in views] == [(2, 3, 0)] * 2, "views are not compared apart"


def test_a_ranking_by_cpdm_says_what_each_view_added_to_a_distance(tiny_data: TinyData, tmp_path: Path) -> None:
    store, generator = tiny_data.store, np.random.default_rng(0)
    rows = store.test_rows()
    values = generator.random((len(rows), 7), np.float32)
    ratios = np.concatenate([np.ones((len(rows), 1)), generator.dirichlet(np.ones(2), len(rows))], 1)
    features = Features(rows, values, ratios.astype(np.float32), "cpdm", (4, 2, 1))
    write_evaluation(tmp_path, store, features, evaluate_table(store, features, PARAMS, CPU), 50, {})
    ranking = read_ranking(tmp_path / "ranking.h5", store.digest)
    assert ranking.view_weights.shape == (2, 3, 3)
    found = ranking.gallery >= 0
    np.testing.assert_allclose(ranking.view_weights.sum(2), found, rtol=1e-6)
    total = (ranking.view_weights * ranking.view_distances).sum(2)
    np.testing.assert_allclose(total[found], ranking.distances[found], rtol=1e-4)
    query, nearest = (rows.tolist().index(row) for row in (ranking.rows[0], ranking.gallery[0, 0]))
    expected = np.linalg.norm(values[query, 4:6] - values[nearest, 4:6])
    assert ranking.view_distances[0, 0, 1] == pytest.approx(expected, rel=1e-5)
    products = ratios[query] * ratios[nearest]
    np.testing.assert_allclose(ranking.view_weights[0, 0], products / products.sum(), rtol=1e-5)


def test_one_line_sums_an_evaluation_up(tiny_data: TinyData, large_store: ImageStore) -> None:
    plain = evaluate_table(tiny_data.store, tiny_features(tiny_data), PARAMS, CPU).metrics
    assert outcome(plain) == "test by cross_camera/1, 2 queries: mAP 0.750 (95 %: 0.500 to 1.000)"
    assert outcome({**plain, "interval": {}}) == "test by cross_camera/1, 2 queries: mAP 0.750 (95 %: 0.750 to 0.750)"
    params = replace(PARAMS, protocol="vehicleid", test_set="official")
    withheld = evaluate_table(large_store, drawn_features(large_store), params, CPU).metrics
    assert outcome(withheld).startswith("official by vehicleid/1, 2 queries: identities are withheld; ")
    assert "tables/submission_official.txt" in outcome(withheld)


@pytest.fixture
def lonely_store(tmp_path: Path) -> ImageStore:
    """Two queries, of which the second has no match."""
    records = []
    for index, (split, vehicle) in enumerate([("query", "1"), ("query", "2"), ("gallery", "1"), ("gallery", "3")]):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((16, 16, 3), index, np.uint8))
        records.append(ImageRecord(f"{index}.png", split, vehicle))
    write_store(tmp_path / "store.h5", records, tmp_path, ImageLimitsParams(10_000, 8, "stop"), "set")
    return ImageStore(tmp_path / "store.h5")


def test_a_query_without_a_match_leaves_its_cells_empty(lonely_store: ImageStore, tmp_path: Path) -> None:
    values = np.array([[0.0], [1], [0], [1]], np.float32)
    features = Features(np.arange(4), values, np.zeros((4, 0), np.float32), "euclidean", (1,))
    evaluation = evaluate_table(lonely_store, features, PARAMS, CPU)
    write_evaluation(tmp_path / "out", lonely_store, features, evaluation, 50, {})
    with open(tmp_path / "out" / "tables" / "queries.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert evaluation.metrics["queries_without_match"] == 1
    assert (lines[0]["average_precision"], lines[0]["first_hit"]) == ("1.0", "1")
    assert (lines[1]["average_precision"], lines[1]["first_hit"], lines[1]["positives"]) == ("", "", "0")


def test_a_table_without_any_match_is_refused(lonely_store: ImageStore) -> None:
    features = Features(np.arange(4), np.zeros((4, 1), np.float32), np.zeros((4, 0), np.float32), "euclidean", (1,))
    lonely_store.vehicle_ids[:] = ["1", "2", "3", "4"]
    with pytest.raises(ValueError, match="test set test: none of 2 queries has a match"):
        evaluate_table(lonely_store, features, PARAMS, CPU)
