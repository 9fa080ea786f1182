from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData
from foreground_example import PREDICTION, network
from lightning_fabric import Fabric

from pipeline.foreground.prediction import predict_rows
from pipeline.maps.columns import Arrays, Column, Columns, joined
from pipeline.networks import weights
from pipeline.prediction.engine import device_kind, network_engine, network_maker
from pipeline.store.runtime import RuntimeParams


def uneven(columns: Columns, runtime: RuntimeParams, fabric: Fabric) -> Iterator[Arrays]:
    """Finds the numbers themselves, in blocks of three."""
    numbers = np.array(list(columns["numbers"]))
    for start in range(0, len(numbers), 3):
        yield {"number": numbers[start : start + 3]}


def test_a_stream_of_batches_comes_as_the_shards_asked_for() -> None:
    engine = network_engine(uneven, RUNTIME)
    assert engine.writes
    asked = [np.array([7, 1]), np.array([2, 3, 4, 5]), np.array([6])]
    found = list(engine({"numbers": list(range(100, 110))}, asked))
    assert [shard.tolist() for shard, _ in found] == [[7, 1], [2, 3, 4, 5], [6]]
    assert [block["number"].tolist() for _, block in found] == [[107, 101], [102, 103, 104, 105], [106]]


def test_no_shards_predict_nothing() -> None:
    assert list(network_engine(uneven, RUNTIME)({"numbers": []}, [])) == []


def test_any_choice_of_rows_is_found_as_among_all(tiny_data: TinyData) -> None:
    store = tiny_data.store
    columns = {"files": Column(store.encoded, np.arange(len(store)))}
    engine = network_engine(partial(predict_rows, network(), PREDICTION), RUNTIME)
    whole = joined(found for _, found in engine(columns, [np.arange(len(store))]))["masks"]
    (_, some), *_ = engine(columns, [np.array([6, 2])])
    assert some["masks"].tobytes() == whole[[6, 2]].tobytes()


def write_weights(path: Path, scale: float = 1, **metadata: Any) -> Path:
    state = {name: tensor * scale for name, tensor in network().state_dict().items()}
    weights.save(path, state, "foreground/1", {"network": {"size": 3}, "table": "t", "trained_rows": 9} | metadata)
    return path


def test_a_maker_is_its_weights_parameters_and_arithmetic_whatever_it_was_trained_on(tmp_path: Path) -> None:
    def maker(path: Path, params: Any = PREDICTION, **runtime: Any) -> str:
        return network_maker(path, "foreground/1", network(), params, replace(RUNTIME, **runtime), __name__)

    first = maker(write_weights(tmp_path / "a.safetensors"))
    assert maker(write_weights(tmp_path / "b.safetensors", table="other", trained_rows=10)) == first
    changed = [
        maker(write_weights(tmp_path / "c.safetensors", scale=2)),
        maker(write_weights(tmp_path / "d.safetensors", network={"size": 4})),
        maker(tmp_path / "a.safetensors", replace(PREDICTION, size=8)),
        maker(tmp_path / "a.safetensors", threads=2),
        maker(tmp_path / "a.safetensors", precision="bf16-mixed"),
    ]
    assert len({first, *changed}) == 6
    same = {
        "workers": 3,
        "devices": 2,
        "engine": "ray",
        "map_workers": 4,
        "seed": 9,
        "address": "auto",
        "reuse": ("a",),
    }
    assert maker(tmp_path / "a.safetensors", **same) == first
    assert set(same) < set(asdict(RUNTIME))


def test_ray_gives_a_gpu_to_those_alone_who_ask_for_it_by_name() -> None:
    assert device_kind(replace(RUNTIME, engine="ray", accelerator="auto")) == "cpu"
    assert device_kind(replace(RUNTIME, engine="ray", accelerator="cuda")) == "cuda"
