from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.networks import runtime
from pipeline.networks.runtime import Runtime, batches_of

RUNTIME = Runtime(seed=5, threads=0, workers=0, accelerator="cpu", devices=1, precision="32-true")


def draw(row: int) -> NDArray[np.float64]:
    """Something that depends on the row alone."""
    return np.random.default_rng(row).random(3)


def test_batches_keep_the_order_of_rows_and_the_last_may_be_smaller() -> None:
    rows = np.array([4, 0, 7, 2, 9], np.int64)
    assert list(batches_of(rows, lambda row: row, 2, RUNTIME, list)) == [[4, 0], [7, 2], [9]]


def test_no_rows_give_no_batches() -> None:
    assert list(batches_of([], draw, 2, RUNTIME, list)) == []


def test_the_number_of_workers_does_not_change_the_batches() -> None:
    alone, shared = (
        np.concatenate([np.stack(batch) for batch in batches_of(range(7), draw, 2, used, list)])  # type: ignore[arg-type, call-overload]
        for used in (RUNTIME, replace(RUNTIME, workers=2))
    )
    np.testing.assert_array_equal(alone, shared)


def test_starting_seeds_and_places() -> None:
    values = []
    for _ in range(2):
        fabric = runtime.start(RUNTIME)
        values.append(torch.rand(3))
    assert torch.equal(*values)
    assert fabric.device == torch.device("cpu")
