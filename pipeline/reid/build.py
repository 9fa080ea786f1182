"""The re-ID models by name."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.networks import weights
from pipeline.reid.models.baseline import Baseline
from pipeline.reid.models.pgan import Pgan
from pipeline.reid.models.span import SpanReid
from pipeline.reid.network import ReidArchitecture, ReidNetwork
from pipeline.store import params

KIND = "reid/1"

MODELS: dict[str, Callable[[ReidArchitecture, int], ReidNetwork]] = {
    "baseline": Baseline,
    "pgan": Pgan,
    "span_cpdm": SpanReid,
}
"""Name -> constructor, given the architecture and the number of vehicles."""


def build(model: str, architecture: ReidArchitecture, classes: int) -> ReidNetwork:
    """Build a model with random initial weights.

    Raises:
        ValueError: No model has this name.
    """
    if model not in MODELS:
        raise ValueError(f"model: expected one of {', '.join(MODELS)}, got {model!r}")
    return MODELS[model](architecture, classes)


def save(
    path: Path,
    network: ReidNetwork,
    model: str,
    architecture: ReidArchitecture,
    classes: int,
    table: str,
    makers: dict[str, dict[str, str]],
) -> None:
    """Write a trained model with all that is needed to use it.

    Args:
        path: The ``.safetensors`` file.
        network: The trained model.
        model: Its name in `MODELS`.
        architecture: What it was built with.
        classes: Vehicles it was trained on.
        table: Digest of the image table it was trained on.
        makers: Kind of cache it reads -> what made that cache, so that features are never computed from others.
    """
    facts = {"model": model, "architecture": asdict(architecture), "classes": classes}
    weights.save(path, network.state_dict(), KIND, {**facts, "table": table, "makers": makers})


def load(path: Path, model: str) -> tuple[ReidNetwork, ReidArchitecture, dict[str, Any]]:
    """Rebuild a trained model.

    Returns:
        The network in evaluation mode, its architecture and its metadata.

    Raises:
        ValueError: The weights are of another model.
    """
    state, metadata = weights.load(path, KIND)
    if metadata["model"] != model:
        raise ValueError(f"{path}: expected weights of model {model!r}, got {metadata['model']!r}")
    architecture = params.build(ReidArchitecture, metadata["architecture"], f"{path}: architecture")
    network = build(model, architecture, metadata["classes"])
    network.load_state_dict(state)
    return network.eval(), architecture, metadata
