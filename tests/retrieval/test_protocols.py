from collections.abc import Sequence

import numpy as np
import pytest
from drawn_vehicles import TinyData
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.retrieval.problems import Problem, TestSet, column, find_test_sets, withheld_problem
from pipeline.retrieval.protocols import (
    PROTOCOLS,
    DrawsParams,
    Rule,
    cross_camera,
    drawn_gallery,
    every_camera,
    protocol_of,
)
from pipeline.retrieval.ranking import Pairs

DRAWS = DrawsParams(count=3, seed=0)


def listed_set(roles: Sequence[str], vehicles: Sequence[str], cameras: Sequence[str] | None = None) -> TestSet:
    """A test set whose images are at positions 10, 11, ..."""
    known = cameras or [""] * len(roles)
    return TestSet("test", np.arange(10, 10 + len(roles)), *(np.array(item, str) for item in (roles, vehicles, known)))


def of_query(pairs: Pairs, query: int) -> list[int]:
    return sorted(pairs.gallery[pairs.queries == query].tolist())


EXAMPLE = listed_set(
    ["query", "query", "gallery", "gallery", "gallery", "gallery", "gallery"],
    ["1", "2", "1", "1", "2", "3", "1"],
    ["c1", "", "c1", "c2", "", "c1", ""],
)
"""Gallery indices 0 to 4."""


def test_only_the_same_vehicle_in_the_same_camera_is_junk() -> None:
    (problem,) = cross_camera(EXAMPLE, DRAWS)
    relevant, junk = problem.relevance(0, 2)
    assert of_query(relevant, 0) == [1, 4]
    assert of_query(junk, 0) == [0]
    assert problem.gallery.tolist() == [12, 13, 14, 15, 16]


def test_an_unknown_camera_is_never_the_same_camera() -> None:
    relevant, junk = cross_camera(EXAMPLE, DRAWS)[0].relevance(1, 2)
    assert of_query(relevant, 0) == [2]
    assert not len(junk.gallery)


def test_every_camera_has_no_junk() -> None:
    relevant, junk = every_camera(EXAMPLE, DRAWS)[0].relevance(0, 2)
    assert of_query(relevant, 0) == [0, 1, 4]
    assert not len(junk.gallery)


def test_an_image_listed_as_both_is_query_and_gallery() -> None:
    (problem,) = cross_camera(listed_set(["both", "gallery"], ["1", "1"], ["c1", "c2"]), DRAWS)
    relevant, junk = problem.relevance(0, 1)
    assert (problem.queries.tolist(), problem.gallery.tolist()) == ([10], [10, 11])
    assert (of_query(relevant, 0), of_query(junk, 0)) == ([1], [0])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_relevance_of_any_run_of_queries_is_what_the_rule_says(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 20))
    texts = [st.sampled_from(["query", "gallery", "both"]), st.sampled_from("ABC"), st.sampled_from(["", "c1", "c2"])]
    roles, vehicles, cameras = (data.draw(st.lists(item, min_size=size, max_size=size)) for item in texts)
    roles[0] = "both"
    (problem,) = cross_camera(listed_set(roles, vehicles, cameras), DRAWS)
    start = data.draw(st.integers(0, len(problem.queries) - 1))
    relevant, junk = problem.relevance(start, len(problem.queries))
    for offset, query in enumerate(problem.queries[start:] - 10):
        same = [index for index, image in enumerate(problem.gallery - 10) if vehicles[image] == vehicles[query]]
        cameras_of = {index: cameras[problem.gallery[index] - 10] for index in same}
        itself = {index for index in same if problem.gallery[index] - 10 == query}
        removed = [
            index for index in same if index in itself or (cameras[query] and cameras_of[index] == cameras[query])
        ]
        assert of_query(junk, offset) == removed
        assert of_query(relevant, offset) == [index for index in same if index not in removed]


def test_a_restricted_test_set_keeps_the_groups_queries_and_gallery() -> None:
    member = np.array([True, False, True, False, True, False, True])
    (part,) = every_camera(EXAMPLE.restricted(member), DRAWS)
    assert part.queries.tolist() == [10]
    assert part.gallery.tolist() == [12, 14, 16]
    assert of_query(part.relevance(0, 1)[0], 0) == [0, 2]
    assert not EXAMPLE.restricted(~member & (EXAMPLE.roles == "query")).askable


@pytest.mark.parametrize("rule", [cross_camera, every_camera])
def test_an_image_never_finds_itself(rule: Rule) -> None:
    (problem,) = rule(listed_set(["both", "both", "gallery"], ["1", "1", "1"]), DRAWS)
    relevant, junk = problem.relevance(0, 2)
    assert [of_query(relevant, query) for query in (0, 1)] == [[1, 2], [0, 2]]
    assert [of_query(junk, query) for query in (0, 1)] == [[0], [1]]
    shifted = problem.relevance(1, 2)
    assert (of_query(shifted[0], 0), of_query(shifted[1], 0)) == ([0, 2], [1])


def drawn_set(order: Sequence[int] = range(9)) -> TestSet:
    vehicles = np.array(["b", "b", "b", "a", "a", "c", "a", "a", "b"])[list(order)]
    return listed_set(["drawn"] * 9, vehicles.tolist())


def test_each_draw_takes_one_gallery_image_of_each_vehicle_and_queries_the_others() -> None:
    problems = drawn_gallery(drawn_set(), DrawsParams(count=10, seed=0))
    assert len(problems) == 10
    for problem in problems:
        assert sorted(problem.gallery_vehicles) == [0, 1, 2]
        assert sorted([*problem.queries, *problem.gallery]) == list(range(10, 19))
        assert 15 in problem.gallery, "a vehicle's only image"
        relevant, junk = problem.relevance(0, 6)
        assert (np.bincount(relevant.queries) == 1).all()
        assert not len(junk.gallery)
    assert len({tuple(problem.gallery) for problem in problems}) > 3


def test_draws_repeat_by_seed_and_do_not_depend_on_the_number_of_draws() -> None:
    def galleries(draws: DrawsParams) -> list[list[int]]:
        return [problem.gallery.tolist() for problem in drawn_gallery(drawn_set(), draws)]

    assert galleries(DrawsParams(5, 1))[:2] == galleries(DrawsParams(2, 1))
    assert galleries(DrawsParams(5, 1)) != galleries(DrawsParams(5, 2))


def test_draws_do_not_depend_on_how_the_vehicles_are_interleaved() -> None:
    order = [3, 4, 6, 7, 0, 1, 2, 8, 5]  # vehicle by vehicle; each one's images in the same order
    plain, sorted_ = drawn_gallery(drawn_set(), DRAWS), drawn_gallery(drawn_set(order), DRAWS)
    for first, second in zip(plain, sorted_, strict=True):
        assert sorted(first.gallery - 10) == sorted(order[image] for image in second.gallery - 10)


def test_a_protocol_that_does_not_fit_the_roles_is_refused() -> None:
    with pytest.raises(ValueError, match="test set test: no query images; .* need the protocol vehicleid"):
        cross_camera(drawn_set(), DRAWS)
    with pytest.raises(ValueError, match="no gallery images$"):
        every_camera(listed_set(["query"], ["1"]), DRAWS)
    with pytest.raises(ValueError, match="expected images whose role is drawn, got gallery, query"):
        drawn_gallery(EXAMPLE, DRAWS)


def test_a_set_of_vehicles_with_one_image_each_is_refused() -> None:
    with pytest.raises(ValueError, match="test set test: no vehicle has two images"):
        drawn_gallery(listed_set(["drawn", "drawn"], ["1", "2"]), DRAWS)


def test_nothing_in_a_withheld_set_is_relevant_and_only_the_query_itself_is_junk() -> None:
    test = listed_set(["query", "gallery", "both"], ["", "", ""], ["c1", "c1", "c2"])
    assert test.withheld
    relevant, junk = withheld_problem(test).relevance(0, 2)
    assert not len(relevant.gallery)
    assert (of_query(junk, 0), of_query(junk, 1)) == ([], [1])
    with pytest.raises(ValueError, match="vehicles are withheld, so that no gallery can be drawn"):
        withheld_problem(listed_set(["drawn", "drawn"], ["", ""]))


def test_protocols_are_named_with_their_version() -> None:
    assert {"veri776", "vehicleid", "vric", "veri_wild", "cityflow_reid"} < set(PROTOCOLS)
    assert (protocol_of("veri_wild").rule, protocol_of("veri_wild").version) == (cross_camera, 1)
    with pytest.raises(ValueError, match="expected one of veri776, .*, every_camera, got 'veri'"):
        protocol_of("veri")


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_a_protocol_tells_readers_what_its_rule_does(name: str) -> None:
    notes = {cross_camera: "own camera are left out", drawn_gallery: "first draw", every_camera: "every camera count"}
    assert notes[protocol_of(name).rule] in protocol_of(name).note


def test_a_tables_splits_are_its_test_set(tiny_data: TinyData) -> None:
    store = tiny_data.store
    rows = store.test_rows()
    (test,) = find_test_sets(store, rows)
    assert (test.name, test.withheld) == ("test", False)
    (found,) = cross_camera(test, DRAWS)
    assert store.splits[rows[found.queries]].tolist() == ["query", "query"]
    assert store.splits[rows[found.gallery]].tolist() == ["gallery", "gallery"]
    assert isinstance(found, Problem)
    assert of_query(found.relevance(0, 2)[0], 0) == [0]


def test_features_that_lack_images_of_the_test_set_are_refused(tiny_data: TinyData) -> None:
    store = tiny_data.store
    missing = store.paths[store.test_rows()[-1]]
    with pytest.raises(ValueError, match=f"test set test: 1 images have no feature, for example {missing}"):
        find_test_sets(store, store.test_rows()[:-1])


def test_columns_are_found_by_name_and_unknown_ones_refused(tiny_data: TinyData) -> None:
    store = tiny_data.store
    assert column(store, "type", "alike")[-1] == "van"
    assert column(store, "camera_id", "alike")[0] == "c1"
    with pytest.raises(ValueError, match="alike: expected one of camera_id, type, vehicle_id, got 'make'"):
        column(store, "make", "alike")
