"""A map in processes of this machine."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

import cv2

from pipeline.maps.columns import Arrays, Columns, joined, loaded
from pipeline.maps.job import Make, Shard, Work

AHEAD = 2
"""Shards a worker holds: one in work and one that waits."""

_work: list[Work] = []
"""The work of this worker process, once it is ready."""


def in_processes(
    make: Make, columns: Columns, shards: Sequence[Shard], processes: int
) -> Iterator[tuple[Shard, Arrays]]:
    """Compute shards in as many fresh processes; here where one is enough.

    Args:
        make: Readies a worker.
        columns: What is read of all rows.
        shards: Positions of the rows of each shard.
        processes: Workers; 0 takes every core this process may use.

    Yields:
        Shards, in order, and what was found in them.
    """
    count = min(processes or len(os.sched_getaffinity(0)), len(shards))
    if count <= 1:
        work = make()
        yield from ((shard, joined(work(loaded(columns, shard)))) for shard in shards)
        return
    context = multiprocessing.get_context("spawn")  # a forked HDF5 handle is not safe
    with ProcessPoolExecutor(count, context, _ready, (make,)) as pool:
        waiting: deque[tuple[Shard, Future[Arrays]]] = deque()
        for shard in shards:
            if len(waiting) == AHEAD * count:  # else all images would be read before they are wanted
                done, found = waiting.popleft()
                yield done, found.result()
            waiting.append((shard, pool.submit(_run, loaded(columns, shard))))
        yield from ((shard, found.result()) for shard, found in waiting)


def _ready(make: Make) -> None:
    cv2.setNumThreads(1)
    _work.append(make())


def _run(columns: Columns) -> Arrays:
    return joined(_work[0](columns))
