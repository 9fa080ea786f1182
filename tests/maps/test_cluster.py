import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData
from foreground_example import PREDICTION, network
from seeds_example import PARAMS
from tiny_run import run_stage, write_params

from pipeline.foreground.grabcut import seeds_of
from pipeline.foreground.prediction import predict_rows
from pipeline.maps.cluster import _Actors, on_ray
from pipeline.maps.columns import Column, joined
from pipeline.prediction.engine import network_engine
from pipeline.store.decoding import BadImageError
from stages.grabcut import grabcut

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ray = pytest.importorskip("ray", reason="the dependency group cluster is not installed")
    from ray.cluster_utils import Cluster

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = 40
ONE_BY_ONE = [np.array([row]) for row in range(ROWS)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one node with one CPU, the head."""
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield started
    started.shutdown()


def columns_of(data: TinyData) -> dict[str, Column]:
    """The tiny images, five times over."""
    return {"files": Column(data.store.encoded, np.arange(ROWS) % 8)}


def in_order(results: Iterable[Any]) -> dict[str, np.ndarray]:
    """Results of shards of a row each, by row."""
    return joined(found for _, found in sorted(results, key=lambda result: int(result[0][0])))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_a_node_killed_midway_changes_no_byte(
    cluster: Any, tiny_data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, buried = [], []
    send, bury = _Actors.send, _Actors.bury
    monkeypatch.setattr(_Actors, "send", lambda self, actor, *more: at_work.append(actor) or send(self, actor, *more))
    monkeypatch.setattr(_Actors, "bury", lambda self, actor: buried.append(actor) or bury(self, actor))
    node = cluster.add_node(num_cpus=1)
    runtime = replace(RUNTIME, engine="ray", address=cluster.address, map_workers=2)
    slow = replace(PARAMS, size=96, iterations=6)
    results = on_ray(partial(seeds_of, slow), columns_of(tiny_data), ONE_BY_ONE, runtime, cpus=1)
    found = [next(results)]
    while len({id(actor) for actor in at_work}) < 2:
        found.append(next(results))
    cluster.remove_node(node, allow_graceful=False)
    found += results
    assert len(buried) == 1
    assert len(found) == ROWS
    (alone,) = seeds_of(slow)(columns_of(tiny_data))
    assert same(in_order(found), alone)


def test_a_network_finds_on_ray_what_it_finds_here(cluster: Any, tiny_data: TinyData) -> None:
    predict, columns = partial(predict_rows, network(), PREDICTION), columns_of(tiny_data)
    shards = [np.arange(start, start + 3) for start in range(0, 9, 3)]
    here = in_order(network_engine(predict, RUNTIME)(columns, shards))
    runtime = replace(RUNTIME, engine="ray", address=cluster.address, map_workers=1)
    assert same(in_order(network_engine(predict, runtime)(columns, shards)), here)


def test_what_a_worker_raises_comes_as_it_was_raised(cluster: Any) -> None:
    runtime = replace(RUNTIME, engine="ray", address=cluster.address, map_workers=1)
    with pytest.raises(BadImageError):
        list(on_ray(partial(seeds_of, PARAMS), {"files": [b"no image"]}, ONE_BY_ONE[:1], runtime, cpus=1))


def test_the_stage_writes_on_ray_the_bytes_it_writes_here(cluster: Any, tiny_data: TinyData, tmp_path: Path) -> None:
    written = []
    for engine in ("local", "ray"):
        data = tiny_data.copy(tmp_path / engine)
        write_params(data.root, {"engine": engine, "address": cluster.address, "map_workers": 1})
        run_stage(grabcut, data.root)
        written.append([data.path(kind).read_bytes() for kind in ("grabcut", "grabcut_rows")])
    assert written[0] == written[1]
