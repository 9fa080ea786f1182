"""The state of an interrupted training, kept so that it continues bit for bit, or on another number of devices."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.networks import weights
from pipeline.store.files import set_aside

KIND = "checkpoint/2"


@dataclass(frozen=True)
class Progress:
    """How far a training has come.

    Attributes:
        history: One row per epoch, whose columns are in the order of the history's file.
        steps: Optimiser steps of all epochs together.
    """

    history: tuple[dict[str, float], ...] = ()
    steps: int = 0


class Checkpoint:
    """Everything a training needs to go on: weights, Adam's moments, generators, gradient scale, extra state, progress.

    Kept as weights are, with a digest; nothing is pickled in it. The first process writes and reads it, and sends
    the others what it has read, so that they need not see its disk.

    Args:
        path: The file, in a folder of its own.
        network: Its parameters and buffers are saved and restored in place.
        optimiser: Likewise its state.
        state: Further tensors, restored in place.
        fabric: The device, whose generator is kept too; the precision, whose gradient scale is; and the processes.
    """

    def __init__(
        self,
        path: Path,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        state: dict[str, Tensor],
        fabric: Fabric,
    ) -> None:
        self._path = path
        self._network = network
        self._optimiser = optimiser
        self._state = state
        self._fabric = fabric

    def save(self, progress: Progress) -> None:
        """Write the current state, whole or not at all; all processes take part."""
        generators = {name: self._fabric.all_gather(state) for name, state in self._generators().items()}
        if not self._fabric.is_global_zero:
            return
        tensors = {f"network.{name}": tensor for name, tensor in self._network.state_dict().items()}
        for index, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
        tensors |= {f"state.{name}": tensor for name, tensor in self._state.items()}
        tensors |= {f"generator.{name}": states for name, states in generators.items()}
        history = [list(row.items()) for row in progress.history]  # pairs, as metadata sorts the keys of objects
        scaler = self._fabric.strategy.precision.state_dict()
        metadata = {"history": history, "steps": progress.steps, "scaler": scaler}
        weights.save(self._path, tensors, KIND, metadata)

    def restore(self) -> Progress:
        """Load the checkpoint if there is one and return the progress up to it, else that of no epoch.

        Of another number of processes, generators are dealt out in turn. One that is damaged, or of another network, is
        set aside with a word on standard error, and counts as none.
        """
        found = self._fabric.broadcast(self._read() if self._fabric.is_global_zero else None)
        if found is None:
            return Progress()
        tensors, metadata = found
        self._network.load_state_dict(_below(tensors, "network."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(tensors, "optimiser.").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": moments})
        for name, tensor in _below(tensors, "state.").items():
            self._state[name].copy_(tensor)
        generators = _below(tensors, "generator.")
        for name, current in self._generators().items():
            if name in generators:  # a training may go on on another kind of device
                states = generators[name].view(-1, len(current))
                _set_generator(name, states[self._fabric.global_rank % len(states)])
        if metadata["scaler"]:
            self._fabric.strategy.precision.load_state_dict(metadata["scaler"])
        return Progress(tuple(map(dict, metadata["history"])), metadata["steps"])

    def _read(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        if not self._path.exists():
            return None
        try:
            tensors, metadata = weights.load(self._path, KIND)
            self._check(tensors)
        except (OSError, ValueError) as error:
            kept = set_aside(self._path)
            tqdm.write(f"{error}\nIt was set aside as {kept.name}; the training starts over.", file=sys.stderr)
            return None
        return tensors, metadata

    def _check(self, tensors: dict[str, Tensor]) -> None:
        """Refuse a checkpoint of another network, or with other further tensors."""
        expected = {f"network.{name}": tensor.shape for name, tensor in self._network.state_dict().items()}
        expected |= {f"state.{name}": tensor.shape for name, tensor in self._state.items()}
        found = {name: tensor.shape for name, tensor in tensors.items() if name.startswith(("network.", "state."))}
        if wrong := sorted(name for name in expected | found if expected.get(name) != found.get(name)):
            shapes = [None if some.get(wrong[0]) is None else list(some[wrong[0]]) for some in (expected, found)]
            raise ValueError(
                f"{self._path}: of another network: expected {wrong[0]} of shape {shapes[0]}, found {shapes[1]}"
            )

    def _generators(self) -> dict[str, Tensor]:
        """State of each of torch's generators that this process draws from, `(L,)` uint8."""
        states = {"cpu": torch.get_rng_state()}
        if self._fabric.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._fabric.device)
        return states


def _set_generator(name: str, state: Tensor) -> None:
    if name == "cuda":
        torch.cuda.set_rng_state(state)
    else:
        torch.set_rng_state(state)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
