import numpy as np
import pytest

from pipeline.protocols import PROTOCOLS, Problem, column, problem_of
from tests.conftest import TinyData

CROSS, EVERY = PROTOCOLS["cross_camera"], PROTOCOLS["every_camera"]


def problem() -> Problem:
    """Queries 0 and 1, gallery 2 to 6."""
    vehicles = np.array([1, 2, 1, 1, 2, 3, 1])
    cameras = np.array([1, -1, 1, 2, -1, 1, -1])
    return Problem(np.array([0, 1]), np.arange(2, 7), vehicles, cameras)


def test_only_the_same_vehicle_in_the_same_camera_is_removed() -> None:
    match, kept = problem().relevance(0, CROSS)
    assert match.tolist() == [True, True, False, False, True]
    assert kept.tolist() == [False, True, True, True, True]


def test_an_unknown_camera_is_never_the_same_camera() -> None:
    match, kept = problem().relevance(1, CROSS)
    assert match.tolist() == [False, False, True, False, False]
    assert kept.all()


def test_every_camera_removes_nothing() -> None:
    assert problem().relevance(0, EVERY)[1].all()


def test_a_restricted_problem_keeps_the_groups_queries_and_gallery() -> None:
    member = np.array([True, False, True, False, True, False, True])
    part = problem().restricted(member)
    assert part.queries.tolist() == [0]
    assert part.gallery.tolist() == [2, 4, 6]
    assert part.relevance(0, CROSS)[0].tolist() == [True, False, True]


def test_a_tables_splits_are_its_problem(tiny_data: TinyData) -> None:
    store = tiny_data.store
    rows = store.rows("query", "gallery")
    found = problem_of(store, rows)
    assert store.splits[rows[found.queries]].tolist() == ["query", "query"]
    assert store.splits[rows[found.gallery]].tolist() == ["gallery", "gallery"]
    assert found.relevance(0, CROSS)[0].tolist() == [True, False]


def test_features_of_training_images_and_missing_splits_are_refused(tiny_data: TinyData) -> None:
    store = tiny_data.store
    with pytest.raises(ValueError, match="got split 'train'"):
        problem_of(store, store.rows("train", "query"))
    with pytest.raises(ValueError, match="no features of split 'gallery'"):
        problem_of(store, store.rows("query"))


def test_columns_are_found_by_name_and_unknown_ones_refused(tiny_data: TinyData) -> None:
    store = tiny_data.store
    assert column(store, "type")[-1] == "van"
    assert column(store, "camera_id")[0] == "c1"
    with pytest.raises(ValueError, match="expected one of camera_id, type, vehicle_id, got 'make'"):
        column(store, "make")
