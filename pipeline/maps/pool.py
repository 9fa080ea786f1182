"""A map in processes of this machine."""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, MutableSequence, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any, cast

import cv2

from pipeline.maps.columns import Arrays, Columns, joined, loaded
from pipeline.maps.job import Make, Shard, Work

AHEAD = 2
"""Shards a worker holds: one in work and one that waits."""
PATIENCE = 300.0
"""Seconds after which workers of which none has got on to another row are taken to hang."""
POLL = 1.0
"""Seconds between two looks at where the workers are."""
IDLE = -1
"""Row of a worker that has none."""

_work: list[Work] = []
"""The work of this worker process, once it is ready."""
_own: list["_Mark"] = []
"""Where this worker process says which row it is at."""


class _Marks:
    """Process and row of each worker, in memory that all share; picklable on the way to a worker that starts.

    Args:
        context: How workers are started.
        count: Workers.
    """

    def __init__(self, context: multiprocessing.context.SpawnContext, count: int) -> None:
        self._places = cast(MutableSequence[int], context.Array("q", [IDLE] * (2 * count), lock=False))
        self._taken = context.Value("i", 0)

    def take(self) -> "_Mark":
        """A worker's own place."""
        with self._taken.get_lock():
            place = self._taken.value
            self._taken.value += 1
        self._places[2 * place] = os.getpid()
        return _Mark(self._places, 2 * place + 1)

    def all(self) -> dict[int, int]:
        """Process -> the row it is at, or `IDLE`, of the workers that are ready."""
        places = list(self._places)
        return {process: row for process, row in zip(places[::2], places[1::2], strict=True) if process != IDLE}


class _Mark:
    """Where one worker says which row it is at."""

    def __init__(self, places: MutableSequence[int], place: int) -> None:
        self._places = places
        self._place = place

    def put(self, row: int) -> None:
        """Say it."""
        self._places[self._place] = row


class _Marked(Sequence[Any]):
    """A shard's values, where reading one says which row is being worked on."""

    def __init__(self, values: Sequence[Any], shard: Shard, mark: _Mark) -> None:
        self._values = values
        self._shard = shard
        self._mark = mark

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, position: Any) -> Any:
        if not isinstance(position, slice):
            self._mark.put(int(self._shard[position]))
        return self._values[position]


def in_processes(
    make: Make, columns: Columns, shards: Sequence[Shard], processes: int, names: Sequence[str] | None = None
) -> Iterator[tuple[Shard, Arrays]]:
    """Compute shards in as many fresh processes; here where one is enough.

    Args:
        make: Readies a worker.
        columns: What is read of all rows.
        shards: Positions of the rows of each shard.
        processes: Workers; 0 takes every core this process may use.
        names: What rows are called in messages; by default their numbers.

    Yields:
        Shards, in order, and what was found in them.

    Raises:
        RuntimeError: A worker died; the message names the row it was at.
        TimeoutError: For `PATIENCE` seconds no worker has got on; the message names their rows.
    """
    count = min(processes or len(os.sched_getaffinity(0)), len(shards))
    if count <= 1:
        work = make()
        yield from ((shard, joined(work(loaded(columns, shard)))) for shard in shards)
        return
    context = multiprocessing.get_context("spawn")  # a forked HDF5 handle is not safe
    marks, workers = _Marks(context, count), set[BaseProcess]()
    try:
        with ProcessPoolExecutor(count, context, _ready, (make, marks)) as pool:
            waiting: deque[tuple[Shard, Future[Arrays]]] = deque()
            for shard in shards:
                if len(waiting) == AHEAD * count:  # else all images would be read before they are wanted
                    done, found = waiting.popleft()
                    yield done, _patiently(found, marks, names)
                waiting.append((shard, pool.submit(_run, loaded(columns, shard), shard)))
                workers.update(multiprocessing.active_children())  # they start one by one
            yield from ((shard, _patiently(found, marks, names)) for shard, found in waiting)
    except BrokenProcessPool as error:
        raise RuntimeError(_of_death(workers, marks.all(), names)) from error


def _ready(make: Make, marks: _Marks) -> None:
    cv2.setNumThreads(1)
    _own.append(marks.take())
    _work.append(make())


def _run(columns: Columns, shard: Shard) -> Arrays:
    (mark,) = _own
    found = joined(_work[0]({name: _Marked(values, shard, mark) for name, values in columns.items()}))
    mark.put(IDLE)
    return found


def _patiently(found: Future[Arrays], marks: _Marks, names: Sequence[str] | None) -> Arrays:
    """What comes of a shard, as long as any worker that is at a row gets on."""
    before, since = marks.all(), time.monotonic()
    while not wait([found], POLL).done:
        now = marks.all()
        if now != before or set(now.values()) <= {IDLE}:  # those that start are at no row
            before, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            for process in now:  # else the pool would wait for them
                os.kill(process, signal.SIGKILL)
            raise TimeoutError(f"no worker has got on for {PATIENCE:.0f} seconds; they hang {_where(now, names)}")
    return found.result()


def _of_death(workers: set[BaseProcess], marks: dict[int, int], names: Sequence[str] | None) -> str:
    """What to say of workers that died; the pool itself ends the others by SIGTERM."""
    dead = {worker.pid: worker.exitcode for worker in workers if worker.exitcode not in (0, None, -signal.SIGTERM)}
    at = {process: row for process, row in marks.items() if process in dead} or marks
    how = ", ".join(f"signal {-code}" if code is not None and code < 0 else f"status {code}" for code in dead.values())
    return (
        f"a worker process died ({how or 'terminated'}) {_where(at, names)}; memory may have run out, of which fewer "
        "runtime.map_workers take less, or that row's file breaks what reads it"
    )


def _where(marks: dict[int, int], names: Sequence[str] | None) -> str:
    """The rows that workers are at, in words."""
    rows = sorted(row for row in marks.values() if row != IDLE)
    if not rows:
        return "between two rows"
    return "at " + ", ".join(f"row {row}" if names is None else str(names[row]) for row in rows[:3])
