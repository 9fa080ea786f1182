"""The state of an interrupted training, kept so that it continues bit for bit."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.store.files import atomic


@dataclass(frozen=True)
class Progress:
    """How far a training has come.

    Attributes:
        history: One row per epoch.
        steps: Optimiser steps of all epochs together.
    """

    history: tuple[dict[str, float], ...] = ()
    steps: int = 0


class Checkpoint:
    """Everything a training needs to go on: weights, Adam's moments, the generator, extra state, progress.

    Kept as safetensors with one JSON key; nothing is pickled.

    Args:
        path: The file, in a folder of its own.
        network: Its parameters and buffers are saved and restored in place.
        optimiser: Likewise its state.
        state: Further tensors, restored in place.
    """

    def __init__(
        self, path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, Tensor]
    ) -> None:
        self._path = path
        self._network = network
        self._optimiser = optimiser
        self._state = state

    def save(self, progress: Progress) -> None:
        """Write the current state, whole or not at all."""
        tensors = {f"network.{name}": tensor for name, tensor in self._network.state_dict().items()}
        for index, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
        tensors |= {f"state.{name}": tensor for name, tensor in self._state.items()}
        tensors["generator"] = torch.get_rng_state()
        tensors = {name: tensor.detach().to("cpu").clone().contiguous() for name, tensor in tensors.items()}
        with atomic(self._path) as temporary:
            save_file(tensors, temporary, {"metadata": json.dumps(asdict(progress))})

    def restore(self) -> Progress:
        """Load the checkpoint if there is one and return the progress up to it, else that of no epoch."""
        if not self._path.exists():
            return Progress()
        with safe_open(self._path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
            progress = json.loads(file.metadata()["metadata"])
        self._network.load_state_dict(_below(tensors, "network."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(tensors, "optimiser.").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": moments})
        for name, tensor in _below(tensors, "state.").items():
            self._state[name].copy_(tensor)
        torch.set_rng_state(tensors["generator"])
        return Progress(tuple(progress["history"]), progress["steps"])

    def remove(self) -> None:
        """Delete the checkpoint and its folder, once training has ended."""
        shutil.rmtree(self._path.parent, ignore_errors=True)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
