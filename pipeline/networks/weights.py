"""Weights that the pipeline trained, as safetensors with one JSON key of metadata.

The metadata hold a digest of all else, tensors and metadata, which every reading checks.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.store.files import DamagedFileError, atomic
from pipeline.store.params import build, mapping

T = TypeVar("T")

ON_TRAINING = (
    "held_back",
    "images",
    "made_by",
    "makers",
    "origin",
    "removed_rows",
    "table",
    "trained_images",
    "trained_rows",
)
"""Metadata that say what weights were trained on, and nothing of their network."""
DIGEST = "digest"
"""Key of the metadata that holds the digest of all else."""
AGAIN = "train them again"


def save(path: Path, state: Mapping[str, Tensor], kind: str, metadata: Mapping[str, Any]) -> None:
    """Write weights whole or not at all, byte for byte repeatable.

    Args:
        path: The ``.safetensors`` file.
        state: Name -> tensor.
        kind: What the weights are for, as ``span/1``; `load` checks it.
        metadata: Facts needed to use them (architecture, training table), JSON values only.
    """
    tensors = {name: tensor.detach().to("cpu").clone().contiguous() for name, tensor in sorted(state.items())}
    facts = json.loads(json.dumps({"kind": kind, **metadata}))  # as they are read again
    text = json.dumps({**facts, DIGEST: digest_of_content(tensors, facts)}, sort_keys=True)
    with atomic(path) as temporary:
        save_file(tensors, temporary, {"metadata": text})


def load(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read weights and their metadata.

    Raises:
        FileNotFoundError: `path` does not exist.
        DamagedFileError: The file is no safetensors file of this pipeline, or no longer what was written.
        ValueError: It is of another kind, or of a version without a digest.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; `dvc repro` or `dvc pull` makes it")
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {})["metadata"])
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except (SafetensorError, KeyError, OSError, ValueError) as error:
        raise DamagedFileError(f"{path}: not weights of this pipeline, or damaged ({error})") from error
    if not isinstance(metadata, dict) or metadata.get("kind") != kind:
        got = metadata.get("kind") if isinstance(metadata, dict) else metadata
        raise ValueError(f"{path}: expected weights of kind {kind!r}, got {got!r}")
    if DIGEST not in metadata:
        raise ValueError(f"{path}: no digest of its content (weights of another version of this pipeline; {AGAIN})")
    expected, found = metadata.pop(DIGEST), digest_of_content(tensors, metadata)
    if found != expected:
        raise DamagedFileError(
            f"{path}: damaged: expected content of digest {str(expected)[:12]}, found {found[:12]}; "
            "remove it, and `dvc checkout` or `dvc repro` brings it back"
        )
    return tensors, metadata


def digest_of_content(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of contiguous CPU tensors, with their names, types and shapes, and of some facts."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)} ".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_metadata(path: Path, kind: str) -> dict[str, Any]:
    """Read the metadata of weights alone.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: As `load`, which reads all of the file to check its digest.
    """
    return load(path, kind)[1]


def deciding_digest(path: Path, kind: str) -> str:
    """Digest of what of some weights decides what their network finds: tensors, and metadata but for `ON_TRAINING`.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: As `load`.
    """
    tensors, metadata = load(path, kind)
    return digest_of_content(tensors, {key: metadata[key] for key in set(metadata) - set(ON_TRAINING)})


def check_table(path: Path, metadata: Mapping[str, Any], table: str) -> None:
    """Check that weights were trained on this very table of images, as those that serve one data set must be.

    Args:
        path: The weights' file, for messages.
        metadata: From `load`.
        table: Digest of the table in use.

    Raises:
        ValueError: They were trained on another; the message names both.
    """
    found = str(metadata.get("table", table))
    if found != table:
        raise ValueError(f"{path}: trained on the image table {found[:12]}, expected {table[:12]}, that of the images")


def params_of(cls: type[T], metadata: Mapping[str, Any], key: str, path: Path) -> T:
    """Parameters that were saved with weights.

    Args:
        cls: Their class.
        metadata: From `load`.
        key: Where they are in it.
        path: The weights' file, for messages.

    Raises:
        ValueError: They are not those of this version of the pipeline; the message says what is missing or unknown.
    """
    try:
        return build(cls, mapping(metadata, path, key), f"{path}: {key}")
    except ValueError as error:
        raise ValueError(f"{error} (weights of another version of this pipeline; train them again)") from error


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Give a network its trained weights.

    Raises:
        ValueError: They do not fit it.
    """
    try:
        network.load_state_dict(dict(state))
    except RuntimeError as error:
        raise ValueError(f"{path}: weights do not fit their network: {' '.join(str(error).split())}") from error
