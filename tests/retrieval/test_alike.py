import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from retrieval_oracle import Query, mean

from pipeline.artifacts.features import Features
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.retrieval import alike
from pipeline.retrieval.alike import AlikeRanking, AlikeScores, look_alikes
from pipeline.retrieval.blocks import rank_problem
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_table
from pipeline.retrieval.output import outcome, write_evaluation
from pipeline.retrieval.problems import Problem, TestSet
from pipeline.retrieval.protocols import DrawsParams, cross_camera
from pipeline.retrieval.reranking import RerankParams
from pipeline.retrieval.scores import Scores, average_precision
from pipeline.retrieval.summary import BootstrapParams
from pipeline.store.images import ImageStore

CPU = torch.device("cpu")
PARAMS = EvaluateParams(
    protocol="cross_camera",
    test_set=None,
    group_by=None,
    alike="twin",
    tracks=None,
    draws=DrawsParams(count=4, seed=0),
    query_expansion=None,
    rerank=None,
    ranks=(1,),
    curve_length=5,
    ranking_length=3,
    bootstrap=BootstrapParams(samples=100, seed=0),
    chunk_megabytes=1,
)


def random_problem(seed: int) -> tuple[Problem, NDArray[np.int64], NDArray[np.float32]]:
    """A problem of 9 vehicles, its groups of look-alikes (three vehicles are alone), and distances with many ties."""
    generator = np.random.default_rng(seed)
    vehicles, cameras = generator.integers(0, 9, 60), generator.integers(-1, 3, 60)
    queries, gallery = np.split(generator.permutation(60), [13])
    columns = (vehicles[queries], vehicles[gallery], cameras[queries], cameras[gallery])
    groups = np.array([4, 4, 4, 1, 1, 7, 4, 8, 2])
    distances = generator.integers(0, 9, (13, 47)).astype(np.float32)
    return Problem(queries, gallery, *columns, remove_same_camera=True), groups, distances


def by_definition(problem: Problem, groups: NDArray[np.int64], distances: NDArray[np.float32]) -> list[Query]:
    """The queries, with all images outside their groups as junk; those whose group has no other vehicle ask nothing."""
    queries = []
    for place, vehicle in enumerate(problem.query_vehicles):
        camera = problem.query_cameras[place]
        same = set(np.flatnonzero(problem.gallery_vehicles == vehicle).tolist())
        group = set(np.flatnonzero(groups[problem.gallery_vehicles] == groups[vehicle]).tolist())
        removed = {index for index in same if camera >= 0 and problem.gallery_cameras[index] == camera}
        relevant = same - removed if group - same else set()
        outside = set(range(len(problem.gallery))) - group
        queries.append(Query(distances[place].tolist(), relevant, outside | removed))
    return queries


def blocks(distances: NDArray[np.float32], height: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(distances), height):
        yield distances[start : start + height].copy()


def ranked(
    problem: Problem, groups: NDArray[np.int64], distances: NDArray[np.float32], height: int = 5
) -> tuple[AlikeScores, Scores]:
    ranking = AlikeRanking(problem, groups)
    ranks = rank_problem(ranking.watched(blocks(distances, height)), problem, 2)
    return ranking.scores(), Scores(ranks.ranks, ranks.counts, ranks.junk, len(problem.gallery))


@pytest.mark.parametrize("seed", range(12))
def test_among_look_alikes_all_others_are_as_good_as_removed(seed: int) -> None:
    problem, groups, distances = random_problem(seed)
    found, _ = ranked(problem, groups, distances)
    queries = by_definition(problem, groups, distances)
    assert found.scores.ranks.tolist() == [rank for query in queries for rank in query.ranks]
    assert found.scores.counts.tolist() == [len(query.relevant) for query in queries]
    counted = [query for query in queries if query.relevant]
    assert average_precision(found.scores) == pytest.approx([query.average_precision for query in counted])
    assert found.images[found.scores.counted].tolist() == [len(query.order) for query in counted]
    members = groups[problem.gallery_vehicles]
    for place, vehicle in enumerate(problem.query_vehicles):
        others = (members == groups[vehicle]) & (problem.gallery_vehicles != vehicle)
        assert found.alone[place] == (not others.any())
    assert found.alone.any()
    assert len(counted) > 2


def test_blocks_of_any_height_and_runs_of_any_length_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, groups, distances = random_problem(3)
    whole, _ = ranked(problem, groups, distances, 13)
    for height, at_once in ((1, 10**6), (4, 40), (13, 1)):
        monkeypatch.setattr(alike, "PAIRS_AT_ONCE", at_once)
        found, _ = ranked(problem, groups, distances, height)
        for one, other in zip(asdict(whole.scores).values(), asdict(found.scores).values(), strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(whole.alone, found.alone)


def test_the_whole_ranking_is_what_it_is_without_them() -> None:
    problem, groups, distances = random_problem(4)
    _, watched = ranked(problem, groups, distances)
    plain = rank_problem(blocks(distances, 5), problem, 2)
    np.testing.assert_array_equal(watched.ranks, plain.ranks)
    np.testing.assert_array_equal(watched.junk, plain.junk)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6))
def test_if_all_vehicles_look_alike_the_ranks_are_those_of_the_whole_gallery(seed: int) -> None:
    problem, _, distances = random_problem(seed)
    found, whole = ranked(problem, np.zeros(9, np.int64), distances)
    np.testing.assert_array_equal(found.scores.ranks, whole.ranks)
    np.testing.assert_array_equal(found.scores.junk, whole.junk)


def listed(vehicles: Sequence[str]) -> TestSet:
    count = len(vehicles)
    return TestSet("test", np.arange(count), np.array(["gallery"] * count), np.array(vehicles), np.array([""] * count))


def test_a_vehicle_has_the_look_that_most_of_its_images_have() -> None:
    vehicles = ["a", "a", "a", "b", "b", "c", "d", "d", "e"]
    looks = np.array(["van", "bus", "bus", "van", "bus", "van", "", "van", ""])
    found = look_alikes(listed(vehicles), looks)
    a, b, c, d, e = found.groups.tolist()
    assert b == a, "of a tie the first by name"
    assert c == d != a, "an unknown look is no vote"
    assert e not in (a, c), "without a look it is like no other"
    assert found.mixed == 2


def test_vehicles_without_any_look_are_all_alone() -> None:
    found = look_alikes(listed(["a", "b", "b"]), np.array(["", "", ""]))
    assert len(set(found.groups.tolist())) == 2
    assert found.mixed == 0


VEHICLES = {"1": "x", "2": "x", "3": "y", "4": "y", "5": "z", "6": ""}
"""Vehicle -> its twin: two pairs, one alone, one unknown."""


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """Of each vehicle a query and two gallery images, by three cameras; vehicle 4 has no gallery image."""
    records = []
    for split, cameras in (("query", ["c1"]), ("gallery", ["c2", "c3"])):
        for vehicle, twin in VEHICLES.items():
            for camera in cameras if (split, vehicle) != ("gallery", "4") else []:
                name = f"{split}_{vehicle}_{camera}.png"
                cv2.imwrite(str(tmp_path / name), np.full((16, 16, 3), len(records), np.uint8))
                records.append(ImageRecord(name, split, vehicle, camera, groups={"twin": twin}))
    write_store(tmp_path / "store.h5", records, tmp_path, ImageLimitsParams(10_000, 8, "stop"), "set")
    return ImageStore(tmp_path / "store.h5")


def features_of(store: ImageStore) -> Features:
    """On a line: vehicle 2's first gallery image stands nearer to vehicle 1's query than one of its own."""
    places = {"query_1_c1": 0.0, "gallery_1_c2": 1.0, "gallery_2_c2": 2.0, "gallery_1_c3": 3.0, "gallery_2_c3": 9.0}
    values = [places.get(name[:-4], 20.0 + index) for index, name in enumerate(store.paths)]
    values[1] = 8.75  # query of vehicle 2: found first, its second image after both of vehicle 1
    return Features(
        store.test_rows(),
        np.array(values, np.float32)[:, None],
        np.zeros((len(values), 0), np.float32),
        "euclidean",
        (1,),
    )


EXPECTED = [(1 + 2 / 3) / 2, (1 + 2 / 3) / 2]
"""Average precision of the queries of vehicles 1 and 2 among their twins."""


def test_metrics_say_how_well_look_alikes_are_told_apart_and_what_was_left_out(store: ImageStore) -> None:
    metrics = evaluate_table(store, features_of(store), PARAMS, CPU).metrics
    found = metrics["alike"]
    interval = found.pop("interval")
    assert found.pop("mAP") == pytest.approx(mean(EXPECTED))
    # 2 of 4 images: the six orders have precisions 1, 5/6, 3/4, 7/12, 1/2, 5/12
    assert found.pop("chance") == pytest.approx((1 + 5 / 6 + 3 / 4 + 7 / 12 + 1 / 2 + 5 / 12) / 6)
    assert found == {
        "column": "twin",
        "CMC": {"1": 1.0},
        "queries": 2,
        "queries_alone": 3,
        "queries_without_match": 1,
        "mixed_vehicles": 0,
    }
    assert interval == {"samples": 100, "mAP": pytest.approx([mean(EXPECTED)] * 2), "CMC": {"1": [1.0, 1.0]}}


def test_every_query_says_its_vehicle_and_its_precision_among_look_alikes(store: ImageStore, tmp_path: Path) -> None:
    evaluation = evaluate_table(store, features_of(store), PARAMS, CPU)
    write_evaluation(tmp_path / "out", store, features_of(store), evaluation, 5, {})
    with open(tmp_path / "out" / "tables" / "queries.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["vehicle_id"] for line in lines] == list(VEHICLES)
    assert [line["path"] for line in lines] == [f"query_{vehicle}_c1.png" for vehicle in VEHICLES]
    precisions = [line["alike_average_precision"] for line in lines]
    assert [float(value) for value in precisions[:2]] == pytest.approx(EXPECTED)
    assert precisions[2:] == [""] * 4
    assert [bool(line["average_precision"]) for line in lines] == [True, True, True, False, True, True]


def test_the_one_line_names_the_look_alikes_and_their_chance(store: ImageStore) -> None:
    metrics = evaluate_table(store, features_of(store), PARAMS, CPU).metrics
    assert outcome(metrics).endswith("); among 2 queries' look-alikes 0.833 (chance 0.681)")
    nothing = evaluate_table(store, features_of(store), replace(PARAMS, alike="vehicle_id"), CPU).metrics
    assert nothing["alike"]["mAP"] is nothing["alike"]["chance"] is nothing["alike"]["CMC"]["1"] is None
    assert (nothing["alike"]["queries"], nothing["alike"]["queries_alone"]) == (0, 6)
    assert "look-alikes" not in outcome(nothing)


def test_without_a_column_nothing_is_said_of_look_alikes_and_an_unknown_one_is_refused(store: ImageStore) -> None:
    metrics = evaluate_table(store, features_of(store), replace(PARAMS, alike=None), CPU).metrics
    assert metrics["alike"] is None
    assert "look-alikes" not in outcome(metrics)
    with pytest.raises(ValueError, match=r"alike: expected one of camera_id, twin, vehicle_id, got 'model'"):
        evaluate_table(store, features_of(store), replace(PARAMS, alike="model"), CPU)


def test_groups_of_images_have_their_own_look_alikes(store: ImageStore) -> None:
    metrics = evaluate_table(store, features_of(store), replace(PARAMS, group_by="twin"), CPU).metrics
    assert metrics["groups"]["x"]["alike"]["mAP"] == pytest.approx(metrics["alike"]["mAP"])
    assert metrics["groups"]["z"]["alike"]["queries_alone"] == 1


def test_re_ranked_distances_are_ranked_among_look_alikes_too(store: ImageStore) -> None:
    params = replace(PARAMS, rerank=RerankParams(k1=2, k2=1, original_weight=0.3))
    found = evaluate_table(store, features_of(store), params, CPU).metrics["alike"]
    assert found["queries"] == 2
    assert found["mAP"] is not None


def test_distances_are_computed_once(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.retrieval import evaluation

    calls = []
    real = evaluation.distance_blocks
    monkeypatch.setattr(evaluation, "distance_blocks", lambda *args: calls.append(1) or real(*args))
    evaluate_table(store, features_of(store), PARAMS, CPU)
    assert len(calls) == 1


@pytest.fixture
def drawn_store(tmp_path: Path) -> ImageStore:
    """Five vehicles of 2 to 6 images, all drawn, of which the first three are twins."""
    records = []
    for vehicle in range(5):
        for image in range(vehicle + 2):
            name = f"{vehicle}_{image}.png"
            cv2.imwrite(str(tmp_path / name), np.full((16, 16, 3), len(records), np.uint8))
            records.append(
                ImageRecord(name, "test", str(vehicle), groups={"twin": "x" if vehicle < 3 else str(vehicle)})
            )
    write_store(tmp_path / "store.h5", records, tmp_path, ImageLimitsParams(10_000, 8, "stop"), "set")
    return ImageStore(tmp_path / "store.h5")


def test_drawn_galleries_hold_one_image_of_each_twin_and_chance_knows(drawn_store: ImageStore) -> None:
    count = len(drawn_store)
    values = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    features = Features(np.arange(count), values, np.zeros((count, 0), np.float32), "euclidean", (2,))
    metrics = evaluate_table(drawn_store, features, replace(PARAMS, protocol="vehicleid"), CPU).metrics
    found = metrics["alike"]
    assert (found["queries"], found["queries_alone"]) == (1 + 2 + 3, 4 + 5)
    assert found["chance"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert found["mAP"] >= metrics["mAP"] / 2
    assert found["interval"]["mAP"][0] <= found["mAP"] <= found["interval"]["mAP"][1]


def test_queries_of_the_same_vehicle_and_camera_stay_removed_among_look_alikes() -> None:
    roles, vehicles = ["query", "gallery", "gallery", "gallery"], ["1", "1", "1", "2"]
    test = TestSet("test", np.arange(4), np.array(roles), np.array(vehicles), np.array(["c1", "c1", "c2", "c1"]))
    (problem,) = cross_camera(test, PARAMS.draws)
    found, _ = ranked(problem, np.zeros(2, np.int64), np.array([[0.0, 2.0, 1.0]], np.float32))
    assert found.scores.ranks.tolist() == [2]
    assert found.images.tolist() == [2]
