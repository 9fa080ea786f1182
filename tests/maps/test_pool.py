from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from drawn_vehicles import TinyData
from seeds_example import PARAMS

from pipeline.foreground.grabcut import seeds_of
from pipeline.maps.columns import Column
from pipeline.maps.pool import in_processes


def shards(rows: int, size: int) -> list[Any]:
    return [np.arange(start, min(start + size, rows)) for start in range(0, rows, size)]


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_change_nothing_and_shards_come_in_order(tiny_data: TinyData, processes: int) -> None:
    store = tiny_data.store
    columns, asked = {"files": Column(store.encoded, np.arange(len(store)))}, shards(len(store), 3)
    found = list(in_processes(partial(seeds_of, PARAMS), columns, asked, processes))
    assert [shard.tolist() for shard, _ in found] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    (alone,) = seeds_of(PARAMS)(columns)
    for name, values in alone.items():
        np.testing.assert_array_equal(np.concatenate([block[name] for _, block in found]), values)


def test_images_are_read_no_earlier_than_they_are_wanted() -> None:
    class Noting(Sequence[int]):
        read = 0

        def __len__(self) -> int:
            return 100

        def __getitem__(self, row: Any) -> int:
            Noting.read += 1
            return row

    results = in_processes(partial(sums), {"numbers": Noting()}, shards(100, 1), 2)
    next(results)
    assert Noting.read <= 6
    results.close()


def sums() -> Any:
    return partial(_sum)


def _sum(columns: Any) -> Any:
    yield {"sum": np.array([sum(columns["numbers"])])}


def test_no_shards_ask_for_no_process() -> None:
    assert list(in_processes(partial(seeds_of, PARAMS), {"files": []}, [], 2)) == []
