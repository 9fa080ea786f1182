"""The state of an interrupted training, kept so that it continues bit for bit."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.store.files import atomic


class Checkpoint:
    """Everything a training needs to go on: weights, Adam's moments, the generator, extra state, history.

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

    def save(self, history: Sequence[dict[str, float]]) -> None:
        """Write the current state, whole or not at all."""
        tensors = {f"network.{name}": tensor for name, tensor in self._network.state_dict().items()}
        for index, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
        tensors |= {f"state.{name}": tensor for name, tensor in self._state.items()}
        tensors["generator"] = torch.get_rng_state()
        tensors = {name: tensor.detach().to("cpu").clone().contiguous() for name, tensor in tensors.items()}
        with atomic(self._path) as temporary:
            save_file(tensors, temporary, {"metadata": json.dumps({"history": list(history)})})

    def restore(self) -> list[dict[str, float]]:
        """Load the checkpoint if there is one and return the history up to it, else an empty list."""
        if not self._path.exists():
            return []
        with safe_open(self._path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
            history: list[dict[str, float]] = json.loads(file.metadata()["metadata"])["history"]
        self._network.load_state_dict(_below(tensors, "network."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(tensors, "optimiser.").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": moments})
        for name, tensor in _below(tensors, "state.").items():
            self._state[name].copy_(tensor)
        torch.set_rng_state(tensors["generator"])
        return history

    def remove(self) -> None:
        """Delete the checkpoint and its folder, once training has ended."""
        shutil.rmtree(self._path.parent, ignore_errors=True)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
