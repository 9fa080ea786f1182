"""Loader processes and workers of a map that die or hang."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.cases import Case
from pipeline.maps import pool
from pipeline.maps.columns import Arrays, Columns
from pipeline.networks.loading import batches_of
from pipeline.store.params import load
from pipeline.store.runtime import RuntimeParams

PROJECT = Path(__file__).parents[2]
PATIENCE = 5.0
"""Seconds after which a worker is taken to hang."""
HANGS = 240.0
"""Seconds that a worker hangs, were it not ended."""


def cases() -> Iterator[Case]:
    """Loader processes and workers of a map that are killed, and a worker that hangs."""
    for place in range(4):
        name = f"{place}.jpg"
        yield Case("loader process killed", name, partial(_is_refused, partial(_load, place), "DataLoader worker"))
        died, hung = f"a worker process died (signal 9) at {name}", f"they hang at {name}"
        yield Case("worker of GrabCut's map killed", name, partial(_is_refused, partial(_map, place, "dies"), died))
        yield Case("worker of GrabCut's map hangs", name, partial(_is_refused, partial(_map, place, "hangs"), hung))


def _is_refused(work: Callable[[], object], words: str) -> bool:
    patience, pool.PATIENCE = pool.PATIENCE, PATIENCE
    try:
        work()
    except (RuntimeError, TimeoutError) as error:
        return words in str(error)
    finally:
        pool.PATIENCE = patience
    return False


def _load(place: int) -> list[Any]:
    runtime = replace(load(PROJECT / "params.yaml", "runtime", RuntimeParams), workers=2)
    return list(batches_of(range(4), partial(_reach, place, "dies"), 1, runtime, list))


def _map(place: int, how: str) -> list[Any]:
    shards = [np.array([row]) for row in range(4)]
    make = partial(partial, _work, place, how)
    return list(pool.in_processes(make, {"rows": range(4)}, shards, 2, [f"{row}.jpg" for row in range(4)]))


def _work(place: int, how: str, columns: Columns) -> Iterator[Arrays]:
    yield {"row": np.array([_reach(place, how, row) for row in columns["rows"]])}


def _reach(place: int, how: str, row: int) -> int:
    """The row, unless it is the one at which this process dies or hangs."""
    if row == place:
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(HANGS)
    return row
