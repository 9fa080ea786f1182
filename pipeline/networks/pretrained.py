"""Weights that a training begins with: ImageNet's from a file, a package or a hub, or a whole model's trained here."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torchvision.models import get_model_weights

from pipeline.networks.foreign import FILES, read_weights, without_prefixes
from pipeline.networks.weights import load
from pipeline.store.files import file_digest
from pipeline.store.params import parameters

PACKAGED = "package:"
"""Begins a source that an installed package carries."""


@parameters
class PretrainedParams:
    """Where a backbone's first weights come from."""

    source: str | None
    """null trains from scratch; a torchvision weights name, for example ``IMAGENET1K_V1``, asks its hub; ``timm`` asks
    the hub of timm's networks; ``package:<package>/<file>`` is a file that an installed Python package carries;
    anything else is a local file, ``.safetensors`` or torch's (``.pth``, ``.pt``, ``.bin``, ``.ckpt``, ``.pth.tar``) of
    weights, alone or as training programs nest them. A re-ID model may also begin with the weights of one like it,
    trained here on another data set, as ``models/reid/synthetic/pgan.safetensors``."""
    sha256: str | None = None
    """Full digest the file must have; null skips the check."""


def load_pretrained(network: nn.Module, architecture: str, pretrained: PretrainedParams) -> list[str]:
    """Load ImageNet weights into a network; its classifier may differ in shape.

    A file that names none of the network's weights, but has as many of the same shapes in the same order, is taken in
    that order: published weights of one architecture go by several libraries' names.

    Args:
        network: The network to fill, with torchvision's or timm's parameter names.
        architecture: Its name there, for example ``resnet50``.
        pretrained: Where the weights are.

    Returns:
        Names left at their initial values (the classifier, where it differs).

    Raises:
        FileNotFoundError: The local file does not exist.
        ValueError: The file has another digest, or lacks weights the network needs.
    """
    if pretrained.source is None:
        return sorted(network.state_dict())
    wanted = network.state_dict()
    state = _renamed(without_prefixes(_read_pretrained(architecture, pretrained), wanted), wanted)
    fitting = {name: tensor for name, tensor in state.items() if name in wanted and tensor.shape == wanted[name].shape}
    left = sorted(set(wanted) - set(fitting))
    strangers = [name for name in left if not name.startswith(("fc.", "classifier.")) and "num_batches" not in name]
    if strangers:
        raise ValueError(
            f"{pretrained.source}: {len(strangers)} weights of {architecture} are absent or of another shape, "
            f"for example {', '.join(strangers[:3])}; its {len(state)} begin with {', '.join(list(state)[:3])}"
        )
    network.load_state_dict(fitting, strict=False)
    return left


def load_own(pretrained: PretrainedParams, kind: str) -> dict[str, Tensor] | None:
    """Weights of a whole network that this pipeline trained, to begin another training with.

    Args:
        pretrained: Where they are.
        kind: What they are for, as `save` was told.

    Returns:
        Name -> tensor; None where `pretrained` names weights that are not of this pipeline, or none.

    Raises:
        FileNotFoundError: The local file does not exist.
        ValueError: The file has another digest or is damaged, or its weights are of another kind.
    """
    path = local_file(pretrained)
    if path is None or path.suffix != ".safetensors":
        return None
    _check_file(path, pretrained)
    try:
        with safe_open(path, "pt") as file:
            is_own = "metadata" in (file.metadata() or {})
    except (SafetensorError, OSError):
        return None  # whoever reads it as foreign weights says what is wrong
    return load(path, kind)[0] if is_own else None


def _renamed(state: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights by the names wanted, where only their order tells which is which."""
    given, names = ([name for name in some if "num_batches" not in name] for some in (state, wanted))
    if set(given) & set(names) or [state[name].shape for name in given] != [wanted[name].shape for name in names]:
        return state
    return {name: state[other] for name, other in zip(names, given, strict=True)}


def _read_pretrained(architecture: str, pretrained: PretrainedParams) -> dict[str, Tensor]:
    source = str(pretrained.source)
    if source == "timm":
        import timm  # here, because it takes a second that others need not wait

        return dict(timm.create_model(architecture, pretrained=True).state_dict())
    path = local_file(pretrained)
    if path is None:
        return dict(_torchvision_weights(architecture, source).get_state_dict(progress=True, check_hash=True))
    _check_file(path, pretrained)
    return read_weights(path)


def from_hub(architecture: str, pretrained: PretrainedParams) -> bool:
    """Whether a hub gives the weights, so that only a training knows whether they come; a file is looked for now.

    Args:
        architecture: The network's name in its library, for example ``resnet50``.
        pretrained: Where the weights are.

    Raises:
        FileNotFoundError: The local file does not exist.
        ValueError: The file has another digest, or its package is not installed; or no hub has weights of that name.
    """
    if pretrained.source is None or pretrained.source == "timm":
        return pretrained.source is not None
    path = local_file(pretrained)
    if path is None:
        _torchvision_weights(architecture, pretrained.source)
        return True
    _check_file(path, pretrained)
    return False


def _check_file(path: Path, pretrained: PretrainedParams) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of pretrained weights")
    if pretrained.sha256 is not None and file_digest(path) != pretrained.sha256:
        raise ValueError(f"{path}: SHA-256 is {file_digest(path)}, expected {pretrained.sha256}")


def _torchvision_weights(architecture: str, name: str) -> Any:
    try:
        known: Mapping[str, Any] = get_model_weights(architecture).__members__
    except ValueError:
        known = {}  # a network that torchvision does not have
    if name not in known:
        expected = ", ".join([*known, "timm"])
        raise ValueError(
            f"pretrained.source: expected {expected}, or a file that ends in {', '.join(FILES)}, got {name!r}"
        )
    return known[name]


def local_file(pretrained: PretrainedParams) -> Path | None:
    """The file of pretrained weights, which need not exist; None where a hub gives them, or there are none.

    Raises:
        ValueError: The package that should carry the file is not installed.
    """
    source = pretrained.source
    if source is None or source == "timm":
        return None
    path = _packaged(source) if source.startswith(PACKAGED) else Path(source)
    return path if path.name.lower().endswith(FILES) else None


def _packaged(source: str) -> Path:
    """Path of a file that an installed package carries."""
    package, _, file = source.removeprefix(PACKAGED).partition("/")
    found = importlib.util.find_spec(package) if package.isidentifier() else None
    if not file or found is None or not found.submodule_search_locations:
        raise ValueError(f"pretrained.source: expected {PACKAGED}NAME/FILE of an installed package, got {source!r}")
    return Path(found.submodule_search_locations[0]) / file
