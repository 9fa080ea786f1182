"""Maps by a network: on the devices of this process and those that share its work, or by actors on Ray."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from pipeline.maps.cluster import on_ray
from pipeline.maps.columns import Arrays, Columns, chosen, joined
from pipeline.maps.job import Shard, Work
from pipeline.maps.keys import maker_digest
from pipeline.networks.devices import from_first
from pipeline.networks.runtime import start
from pipeline.networks.weights import deciding_digest
from pipeline.store.runtime import RuntimeParams

Predict = Callable[[Columns, RuntimeParams, Fabric], Iterator[Arrays]]
"""Computes rows by a network, in order, in blocks of any size; picklable."""


@dataclass(frozen=True)
class NetworkEngine:
    """Computes shards by a network; an `Engine`.

    Attributes:
        predict: What is computed.
        runtime: How.
        fabric: Places the network here; None where actors on Ray have it.
    """

    predict: Predict
    runtime: RuntimeParams
    fabric: Fabric | None

    @property
    def writes(self) -> bool:
        """Whether this process is the one that gets results and writes them; the others `take_part`."""
        return self.fabric is None or self.fabric.is_global_zero

    def __call__(self, columns: Columns, shards: Sequence[Shard]) -> Iterator[tuple[Shard, Arrays]]:
        """Compute shards of the columns' rows, see `pipeline.maps.job.Engine`."""
        if self.fabric is not None:
            return _here(self.predict, self.runtime, self.fabric, columns, shards)
        cpus, gpus = max(self.runtime.threads, 1) + self.runtime.workers, int(self.runtime.accelerator == "cuda")
        make = partial(_ready, self.predict, self.runtime)
        return on_ray(make, columns, shards, self.runtime, cpus=cpus, gpus=gpus)

    def take_part(self, columns: Columns) -> None:
        """Do this process's share of what the first one asks for and writes."""
        if self.fabric is not None:
            deque(_here(self.predict, self.runtime, self.fabric, columns, []), maxlen=0)


def network_engine(predict: Predict, runtime: RuntimeParams) -> NetworkEngine:
    """The engine that `runtime` names, its processes started.

    Raises:
        ValueError: The devices asked for are not there.
    """
    return NetworkEngine(predict, runtime, None if runtime.engine == "ray" else start(runtime))


def network_maker(
    weights: Path, kind: str, network: nn.Module, params: Any, runtime: RuntimeParams, *modules: str
) -> str:
    """Digest of all that decides what a network finds in an image, but for the image.

    The same weights count as the same whatever set they were trained on, so that new images in it change nothing.

    Args:
        weights: The network's weights.
        kind: Their kind, as `weights.save` got it.
        network: The network.
        params: Parameters of the stage.
        runtime: Arithmetic.
        modules: Names of the modules in which prediction and the form of its results start.
    """
    values = {
        "weights": deciding_digest(weights, kind),
        "params": asdict(params),
        "threads": runtime.threads or torch.get_num_threads(),
        "precision": runtime.precision,
        "device": (device := device_kind(runtime)),
        "deterministic": runtime.deterministic and device != "cpu",
    }
    return maker_digest(values, (type(network).__module__, *modules))


def device_kind(runtime: RuntimeParams) -> Literal["cpu", "cuda"]:
    """Kind of device that a map by a network runs on: Ray gives GPUs to those alone who ask for them by name."""
    if runtime.accelerator != "auto":
        return runtime.accelerator
    return "cuda" if runtime.engine == "local" and torch.cuda.is_available() else "cpu"


def _ready(predict: Predict, runtime: RuntimeParams) -> Work:
    """Place what an actor needs, and give its work."""
    placed = replace(runtime, accelerator=device_kind(runtime), devices=1)
    fabric = start(placed)
    return lambda columns: predict(columns, placed, fabric)


def _here(
    predict: Predict, runtime: RuntimeParams, fabric: Fabric, columns: Columns, shards: Sequence[Shard]
) -> Iterator[tuple[Shard, Arrays]]:
    """Compute the shards that the first process asks for, as one stream of batches, shared by all processes."""
    asked = from_first(list(shards))
    if asked:
        yield from _regrouped(predict(chosen(columns, np.concatenate(asked)), runtime, fabric), asked)


def _regrouped(blocks: Iterable[Arrays], shards: Sequence[Shard]) -> Iterator[tuple[Shard, Arrays]]:
    """A stream of blocks as shards, each as soon as its last row is there."""
    waiting: list[Arrays] = []
    count, following = 0, iter(shards)
    shard = next(following, None)
    for block in blocks:
        waiting.append(block)
        count += len(next(iter(block.values())))
        while shard is not None and count >= len(shard):
            whole, size = joined(waiting), len(shard)
            yield shard, {name: values[:size] for name, values in whole.items()}
            waiting, count = [{name: values[size:] for name, values in whole.items()}], count - size
            shard = next(following, None)
