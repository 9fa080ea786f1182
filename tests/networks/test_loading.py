import os
import pickle
import signal
from dataclasses import replace

import numpy as np
import pytest
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData
from numpy.typing import NDArray

from pipeline.networks.loading import ResizedImages, batches_of
from pipeline.store.resizing import resize


def draw(row: int) -> NDArray[np.float64]:
    """Something that depends on the row alone."""
    return np.random.default_rng(row).random(3)


def same(row: int) -> int:
    return row


def test_batches_keep_the_order_of_rows_and_the_last_may_be_smaller() -> None:
    batches = batches_of(np.array([4, 0, 7, 2, 9], np.int64), same, 2, RUNTIME, list)
    assert list(batches) == [[4, 0], [7, 2], [9]]
    assert len(batches) == 3


def test_batches_may_be_lists_of_positions_among_the_rows() -> None:
    batches = batches_of([40, 10, 70], same, [[2, 0, 2], [1]], RUNTIME, list)
    assert list(batches) == [[70, 40, 70], [10]]
    assert len(batches) == 2


def test_no_rows_give_no_batches() -> None:
    assert list(batches_of([], draw, 2, RUNTIME, list)) == []
    assert list(batches_of([], draw, [], RUNTIME, list)) == []


@pytest.mark.parametrize("grouping", [2, [[0, 3], [6, 1, 2]]])
def test_the_number_of_workers_does_not_change_the_batches(grouping: int | list[list[int]]) -> None:
    alone, shared = (
        [np.stack(batch) for batch in batches_of(range(7), draw, grouping, used, list)]
        for used in (RUNTIME, replace(RUNTIME, workers=2))
    )
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one, other)


def test_images_are_resized_to_a_square_here_and_in_other_processes(tiny_data: TinyData) -> None:
    load = ResizedImages(tiny_data.store, 20)
    expected = resize(tiny_data.store.image(3), 20, 20)
    np.testing.assert_array_equal(load(3), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(load))(3), expected)
    (batch,) = batches_of([3], load, 1, replace(RUNTIME, workers=1), list)
    np.testing.assert_array_equal(batch[0], expected)


def dies(row: int) -> int:
    if row == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return row


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where there is one core
def test_a_loader_process_that_is_killed_is_an_error_and_no_hang() -> None:
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid"):
        list(batches_of(range(8), dies, 2, replace(RUNTIME, workers=2), list))
