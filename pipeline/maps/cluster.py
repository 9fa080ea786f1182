"""A map on Ray: actors take shards in turn, wherever they run, and this process alone writes.

Ray is an optional package (dependency group ``cluster``). Shards travel with their images, so that workers need the
installed packages and no file; the code of `pipeline` is sent along.
"""

import contextlib
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2

from pipeline.maps.columns import Arrays, Columns, joined, loaded
from pipeline.maps.job import Make, Shard, Work
from pipeline.store.code import ROOT
from pipeline.store.runtime import RuntimeParams

AHEAD = 2
"""Shards an actor holds: one in work and one that waits, so that it need not wait for the driver."""
MOST_DEATHS = 3
"""Workers that may die of one shard before the map gives up on it."""


def on_ray(
    make: Make, columns: Columns, shards: Sequence[Shard], runtime: RuntimeParams, *, cpus: int, gpus: int = 0
) -> Iterator[tuple[Shard, Arrays]]:
    """Compute shards by actors on a Ray cluster; one that dies is replaced, and its shards are computed anew.

    Args:
        make: Readies an actor.
        columns: What is read of all rows; each shard's are read here when it is sent.
        shards: Positions of the rows of each shard.
        runtime: Gives the cluster's address and the number of actors.
        cpus: CPUs of an actor.
        gpus: GPUs of an actor.

    Yields:
        Shards as they are finished, and what was found in them.

    Raises:
        RuntimeError: Ray is not installed, or workers keep dying.
        ConnectionError: There is no cluster at the address.
        Exception: What a worker raised.
    """
    if not shards:
        return
    with _connected(runtime.address) as ray:
        count = runtime.map_workers or _room(ray, cpus, gpus)
        actors = _Actors(ray, ray.remote(num_cpus=cpus, num_gpus=gpus)(_Worker), ray.put(make))
        try:
            yield from _results(actors, columns, shards, min(count, len(shards)))
        finally:
            actors.end()


class _Worker:
    """An actor: readied once, then given shards."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._work: Work | None = None

    def ready(self) -> None:
        """Ready it; apart from its making, so that an error comes as it was raised."""
        cv2.setNumThreads(1)
        self._work = self._make()

    def run(self, columns: Columns) -> Arrays:
        """Compute a shard."""
        if self._work is None:
            self.ready()
        assert self._work is not None
        return joined(self._work(columns))


@dataclass
class _Actors:
    """The actors of a map, and what each is doing.

    Attributes:
        ray: The package.
        cls: The actors' class.
        make: Reference to what readies them, in Ray's store.
        doing: Reference to a result -> the actor and the number of its shard, None while it is readied.
        alive: Actors not known to have died.
    """

    ray: Any
    cls: Any
    make: Any
    doing: dict[Any, tuple[Any, int | None]] = field(default_factory=dict)
    alive: list[Any] = field(default_factory=list)

    def start(self) -> None:
        """Ask for one more; Ray starts it where and when there is room."""
        actor = self.cls.remote(self.make)
        self.alive.append(actor)
        self.doing[actor.ready.remote()] = actor, None

    def send(self, actor: Any, number: int, columns: Columns) -> None:
        """Give it one more shard."""
        self.doing[actor.run.remote(columns)] = actor, number

    def load(self, actor: Any) -> int:
        """Shards it has."""
        return sum(other is actor for other, _ in self.doing.values())

    def next(self) -> tuple[Any, int | None, Arrays | None, Exception | None]:
        """Wait for any: the actor, the number of its shard, what it found, and what it or a part of Ray died of."""
        (reference,), _ = self.ray.wait(list(self.doing), num_returns=1)
        actor, number = self.doing.pop(reference)
        try:
            return actor, number, self.ray.get(reference), None
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else RuntimeError(str(error)) from None
        except self.ray.exceptions.RayError as error:
            return actor, number, None, error

    def bury(self, actor: Any) -> list[int]:
        """Forget a dead actor; the shards it had."""
        self.alive = [other for other in self.alive if other is not actor]
        lost = [reference for reference, (other, _) in self.doing.items() if other is actor]
        shards = [number for _, number in (self.doing.pop(reference) for reference in lost) if number is not None]
        self.ray.kill(actor)  # one out of reach may still be alive
        return shards

    def end(self) -> None:
        """Free their places in the cluster."""
        for actor in self.alive:
            self.ray.kill(actor)


def _results(actors: _Actors, columns: Columns, shards: Sequence[Shard], count: int) -> Iterator[tuple[Shard, Arrays]]:
    waiting, deaths = deque(range(len(shards))), Counter[int | None]()
    left = len(shards)
    for _ in range(count):
        actors.start()
    while left:
        actor, number, found, error = actors.next()
        if error is not None:
            deaths[number] += 1
            if deaths[number] == MOST_DEATHS:
                what = "being readied" if number is None else f"computing rows {shards[number][0]} and following"
                raise RuntimeError(f"{MOST_DEATHS} workers died while {what}: {error}")
            waiting.extendleft([*actors.bury(actor), *([] if number is None else [number])])
            actors.start()
            continue
        if number is None:
            del deaths[None]  # one that is ready shows that workers can be readied
        while waiting and actors.load(actor) < AHEAD:
            following = waiting.popleft()
            actors.send(actor, following, loaded(columns, shards[following]))
        if number is not None and found is not None:
            left -= 1
            yield shards[number], found


def _room(ray: Any, cpus: int, gpus: int) -> int:
    """Actors the cluster has room for now, at least one."""
    resources = ray.cluster_resources()
    by_cpu = int(resources.get("CPU", 0) // cpus)
    return max(1, min(by_cpu, int(resources.get("GPU", 0) // gpus)) if gpus else by_cpu)


def imported_ray() -> Any:
    """The package.

    Raises:
        RuntimeError: It is not installed.
    """
    try:
        import ray  # here, because it is not always installed
    except ImportError as error:
        raise RuntimeError(
            "runtime.engine is ray, which is not installed: uv sync --inexact --group cluster"
        ) from error
    return ray


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster, or to one on this machine that ends with the block."""
    ray = imported_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    code = {"py_modules": [str(ROOT / "pipeline")], "excludes": ["**/__pycache__"]}
    more: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    ray.init(address or "local", runtime_env=code, log_to_driver=False, **more)
    try:
        yield ray
    finally:
        ray.shutdown()
