"""Files of weights that other libraries wrote: their nestings and prefixes, and what is said of those that do not load.

No file may run code: pickles are read by torch's reader of tensors and plain values alone.
"""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

PICKLES = (".pth", ".pt", ".bin", ".ckpt", ".pth.tar", ".tar")
"""How the names of torch's own files end."""
FILES = (".safetensors", *PICKLES)
"""How the names of weights' files end; another source is a name that a hub knows."""

NESTINGS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
"""Keys under which training programs keep weights beside other things; the first that is there is taken."""
PREFIXES = ("module.", "model.", "backbone.", "encoder.", "base.", "network.", "net.", "_orig_mod.")
"""What wrappers put before every name: torch's data parallelism and compilation, and others' own modules."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a file of weights, unpacked from the nestings of training programs.

    Args:
        path: The file, whose name ends as one of `FILES`.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is damaged, or holds something else than named tensors; the message says what fits.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of pretrained weights")
    if path.name.lower().endswith(".safetensors"):
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path}: not a whole .safetensors file ({_line(error)}); fetch it again") from error
    return _tensors(_unpickled(path), path)


def without_prefixes(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without the prefixes of wrappers, as far as that makes more of them those of a network.

    Args:
        state: Name -> tensor, as read.
        wanted: Name -> tensor of the network.
    """
    found = dict(state)
    while True:
        stripped = [_stripped(found, prefix) for prefix in PREFIXES]
        best = max(stripped, key=lambda names: len(names.keys() & wanted.keys()))
        if len(best.keys() & wanted.keys()) > len(found.keys() & wanted.keys()):
            return best
        if found.keys() & wanted.keys():
            return found
        shared = [names for names in stripped if len(names) == len(found) and names.keys() != found.keys()]
        if not shared:
            return found
        found = shared[0]


def _stripped(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights below a prefix, by their names without it; all of them where none has it."""
    below = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    return below or dict(state)


def _unpickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the protocol of a pickle, which tells a reader nothing
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = "holds Python objects (a whole network, say), which are not loaded because they can run code"
        if "global" not in str(error).lower():
            reason = "is damaged or no file of torch's"
        advice = "save the network's state_dict() alone, as .safetensors or .pth"
        raise ValueError(f"{path}: {reason}; {advice}") from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path}: damaged or no file of torch's ({_line(error)}); fetch it again") from error


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    for _ in range(len(NESTINGS)):
        if not isinstance(content, Mapping):
            raise ValueError(f"{path}: expected named weights, got {type(content).__name__}; save a state_dict()")
        tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
        if tensors:
            return tensors
        inner = [content[key] for key in NESTINGS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = inner[0]
    shown = ", ".join(map(str, list(content)[:5])) or "nothing"
    raise ValueError(f"{path}: expected named weights, alone or under {', '.join(NESTINGS)}; it holds {shown}")


def _line(error: Exception) -> str:
    """The first line of an error, cut where it is long."""
    text = (str(error).splitlines() or [""])[0] or type(error).__name__
    return text if len(text) <= 120 else f"{text[:120]}..."
