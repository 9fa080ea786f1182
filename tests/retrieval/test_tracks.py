from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_table, evaluate_test_set
from pipeline.retrieval.output import outcome, write_evaluation
from pipeline.retrieval.problems import TestSet
from pipeline.retrieval.protocols import MODES, DrawsParams
from pipeline.retrieval.summary import BootstrapParams
from pipeline.retrieval.tracks import averaged, images_of_tracks, track_sets
from pipeline.store.images import ImageStore

CPU = torch.device("cpu")
PARAMS = EvaluateParams(
    protocol="every_camera",
    test_set=None,
    group_by=None,
    alike=None,
    tracks="track",
    draws=DrawsParams(count=1, seed=0),
    query_expansion=None,
    rerank=None,
    ranks=(1,),
    curve_length=5,
    ranking_length=3,
    bootstrap=BootstrapParams(samples=0, seed=0),
    chunk_megabytes=1,
)


def on_a_line(values: list[float]) -> Features:
    """Images whose features are single numbers."""
    column = np.array(values, np.float32)[:, None]
    return Features(np.arange(len(values)), column, np.zeros((len(values), 0), np.float32), "euclidean", (1,))


def listed(roles: list[str], vehicles: list[str], cameras: list[str]) -> TestSet:
    return TestSet("test", np.arange(len(roles)), np.array(roles), np.array(vehicles), np.array(cameras))


def test_features_of_a_track_are_averaged() -> None:
    values, ratios = averaged(on_a_line([1, 5, 3]), np.array([0, 1, 0]))
    assert values.tolist() == [[2], [5]]
    assert ratios.shape == (2, 0)


def test_features_of_length_one_keep_it() -> None:
    features = replace(on_a_line([0, 0, 0]), features=np.array([[1, 0], [0, 1], [0, -1]], np.float32), dimensions=(2,))
    values, _ = averaged(features, np.array([0, 0, 1]))
    np.testing.assert_allclose(values, [[0.5**0.5, 0.5**0.5], [0, -1]], rtol=1e-6)


def test_a_block_of_length_one_in_every_image_that_shows_it_keeps_it() -> None:
    ratios = np.array([[1], [1], [0], [0]], np.float32)
    values = np.array([[1, 0], [0, 1], [0, 0], [0, 0]], np.float32)
    features = Features(np.arange(4), values, ratios, "cpdm", (2,))
    found, _ = averaged(features, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5], [0, 0]], rtol=1e-6)


def test_an_image_that_does_not_show_a_view_has_no_say_in_it() -> None:
    ratios = np.array([[1, 0.5], [1, 0], [1, 0], [1, 0]], np.float32)
    values = np.array([[2, 8], [4, 100], [6, 10], [8, 20]], np.float32)
    features = Features(np.arange(4), values, ratios, "cpdm", (1, 1))
    found, shares = averaged(features, np.array([0, 0, 1, 1]))
    assert found.tolist() == [[3, 8], [7, 15]], "a track that never shows the view takes all its images alike"
    assert shares.tolist() == [[1, 0.25], [1, 0]]


def test_an_image_counts_by_its_own_weight_in_every_block_that_it_shows() -> None:
    ratios = np.array([[1, 0.5], [1, 0.25]], np.float32)
    features = Features(np.arange(2), np.array([[2, 8], [6, 2]], np.float32), ratios, "cpdm", (1, 1))
    found, shares = averaged(features, np.array([0, 0]), np.array([3.0, 1.0]))
    assert found.tolist() == [[3, pytest.approx((1.5 * 8 + 0.25 * 2) / 1.75)]]
    assert shares.tolist() == [[1, (1.5 + 0.25) / 4]]


def ranked(mode: str, test: TestSet, features: Features, tracks: list[str]) -> tuple[list[list[int]], list[int]]:
    """Found tracks of each query by mode, as places in the gallery of tracks, and each query's first hit."""
    sets = track_sets(test, features, np.array(tracks))
    found = evaluate_test_set(sets.tests[mode], sets.features, PARAMS, CPU)
    return found.ranks.nearest.tolist(), found.scores[0].first.tolist()


ROLES = ["query", "query", "gallery", "gallery", "gallery", "gallery"]
VEHICLES = ["a", "a", "a", "a", "b", "b"]
CAMERAS = ["1", "1", "2", "2", "3", "3"]
TRACKS = ["q", "q", "g", "g", "h", "h"]
FEATURES = on_a_line([0, 10, 4, 8, 1, 2])
"""Single images of b are nearer to the first query than those of a; averaged, the queries (5) are nearer to a (6)."""


def test_images_are_asked_against_tracks_and_tracks_against_tracks() -> None:
    test = listed(ROLES, VEHICLES, CAMERAS)
    assert ranked("image_to_track", test, FEATURES, TRACKS) == ([[1, 0, -1], [0, 1, -1]], [2, 1])
    assert ranked("track_to_track", test, FEATURES, TRACKS) == ([[0, 1, -1]], [1])


@pytest.mark.parametrize("mode", MODES)
def test_a_track_never_finds_itself_nor_an_image_its_own(mode: str) -> None:
    test = listed(["both"] * 6, VEHICLES, CAMERAS)
    nearest, first = ranked(mode, test, FEATURES, TRACKS)
    own = [2, 2, 0, 0, 1, 1] if mode == "image_to_track" else [0, 1, 2]
    for found, itself in zip(nearest, own, strict=True):
        assert itself not in found
        assert sorted(found) == sorted({0, 1, 2} - {itself} | {-1})
    assert len(first) == (4 if mode == "image_to_track" else 2), "the tracks of a find each other, that of b nothing"


def test_an_image_without_a_track_is_one_by_itself() -> None:
    test = listed(ROLES, VEHICLES, CAMERAS)
    sets = track_sets(test, FEATURES, np.array(["", "", "g", "g", "", ""]))
    assert [len(sets.tests[mode].listed(role)) for mode in MODES for role in ("query", "gallery")] == [2, 3, 2, 3]
    assert sorted(map(len, sets.members)) == [1, 1, 2]


@pytest.mark.parametrize(
    ("vehicles", "cameras", "message"),
    [
        (["a", "a", "a", "b", "b", "b"], CAMERAS, "one vehicle, track 'g' has 'a' in row 2 and 'b' in row 3"),
        (VEHICLES, ["1", "1", "2", "4", "3", "3"], "one camera, track 'g' has '2' in row 2 and '4' in row 3"),
    ],
)
def test_a_track_of_several_vehicles_or_cameras_is_refused(
    vehicles: list[str], cameras: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=f"test set test: expected the images of a track to be of {message}"):
        track_sets(listed(ROLES, vehicles, cameras), FEATURES, np.array(TRACKS))


def test_a_gallery_that_is_drawn_has_no_tracks() -> None:
    with pytest.raises(ValueError, match="its gallery is drawn"):
        track_sets(listed(["drawn"] * 6, VEHICLES, CAMERAS), FEATURES, np.array(TRACKS))


def test_tracks_are_spelt_out_as_their_images() -> None:
    members: list[NDArray[np.int64]] = [np.array([0, 3]), np.array([1]), np.array([2])]
    found = images_of_tracks(np.array([[1, 0, 2], [2, -1, -1]]), members, 3)
    assert found.tolist() == [[1, 0, 3], [2, -1, -1]]


def stored(folder: Path, *, known: bool) -> ImageStore:
    """The six images as a table, with or without identities."""
    records = []
    for row, (role, vehicle, camera, track) in enumerate(zip(ROLES, VEHICLES, CAMERAS, TRACKS, strict=True)):
        assert cv2.imwrite(str(folder / f"{row}.png"), np.full((8, 8, 3), row, np.uint8))
        split = role if known else "withheld"
        groups, roles = {"track": track}, {"test": role}
        records.append(ImageRecord(f"{row}.png", split, vehicle if known else None, camera, groups=groups, roles=roles))
    write_store(folder / "images.h5", records, folder, ImageLimitsParams(1000, 8, "stop"), "six")
    return ImageStore(folder / "images.h5")


def test_metrics_say_how_well_tracks_are_found(tmp_path: Path) -> None:
    evaluation = evaluate_table(stored(tmp_path, known=True), FEATURES, PARAMS, CPU)
    tracks = evaluation.metrics["tracks"]
    assert tracks["column"] == "track"
    assert (tracks["image_to_track"]["mAP"], tracks["image_to_track"]["queries"]) == (0.75, 2)
    assert (tracks["track_to_track"]["mAP"], tracks["track_to_track"]["queries"]) == (1.0, 1)
    assert tracks["image_to_track"]["gallery"] == 2
    assert outcome(evaluation.metrics).endswith("; image to track 0.750; track to track 1.000")
    plain = evaluate_table(stored(tmp_path, known=True), FEATURES, replace(PARAMS, tracks=None), CPU)
    assert plain.metrics["tracks"] is None
    with pytest.raises(ValueError, match="tracks: expected one of camera_id, track, vehicle_id, got 'run'"):
        evaluate_table(stored(tmp_path, known=True), FEATURES, replace(PARAMS, tracks="run"), CPU)


def test_withheld_images_are_submitted_by_their_tracks_too(tmp_path: Path) -> None:
    store = stored(tmp_path, known=False)
    evaluation = evaluate_table(store, FEATURES, PARAMS, CPU)
    write_evaluation(tmp_path / "out", store, FEATURES, evaluation, 5, {})
    tables = tmp_path / "out/tables"
    assert (tables / "submission_test.txt").read_text().splitlines() == ["4 5 2", "3 2 5"]
    assert (tables / "submission_test_by_tracks.txt").read_text().splitlines() == ["4 5 2", "2 3 4"]
