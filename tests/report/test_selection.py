import numpy as np
from drawn_vehicles import TinyData

from pipeline.report.selection import (
    attributes,
    first_occurrences,
    quantile_positions,
    shown_rows,
    varied_rows,
    viewpoint_names,
)


def test_chosen_rows_show_every_value_of_the_first_column_before_any_twice() -> None:
    views = np.array(["a"] * 50 + ["b"] * 3 + ["c"])
    cameras = np.array([str(row % 7) for row in range(54)])
    chosen = varied_rows([views, cameras], np.arange(54), 6)
    assert views[chosen].tolist() == ["a", "a", "a", "b", "b", "c"]
    assert len(set(cameras[chosen])) == 6


def test_the_choice_repeats_and_ends_when_the_candidates_do() -> None:
    column = np.array(["x", "y", "x"])
    assert varied_rows([column], np.array([2, 0]), 9).tolist() == [0, 2]
    assert varied_rows([column], np.array([2, 0]), 1).tolist() == [2]
    assert varied_rows([column], np.zeros(0, np.int64), 3).tolist() == []


def test_queries_spread_evenly_from_the_best_to_the_worst_and_unanswerable_ones_are_left_out() -> None:
    scores = np.array([0.1, np.nan, 0.9, 0.5, 0.7, 0.3])
    assert quantile_positions(scores, 3).tolist() == [2, 3, 0]
    assert quantile_positions(scores, 99).tolist() == [2, 4, 3, 5, 0]
    assert quantile_positions(np.array([np.nan]), 2).tolist() == []


def test_first_occurrences_come_in_order() -> None:
    assert first_occurrences(np.array(["b", "a", "b", "c"])).tolist() == [0, 1, 3]


def test_training_images_are_not_shown_and_unlabelled_viewpoints_have_no_name(tiny_data: TinyData) -> None:
    store = tiny_data.store
    assert shown_rows(store).tolist() == [4, 5, 6, 7]
    assert viewpoint_names(store)[2:5].tolist() == ["rear-side", "", "front-side"]
    assert all(len(column) == len(store) for column in attributes(store))
