"""Re-ID networks by the names of their modules: building one, and rebuilding a trained one from its weights."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any, Protocol, cast

from pipeline.networks import weights
from pipeline.networks.pretrained import PretrainedParams, load_own
from pipeline.reid import models
from pipeline.reid.network import ReidNetwork, ReidShapeParams

KIND = "reid/1"
CLASSIFIER = "neck.classifier.weight"
"""Ends the name of the weights that tell the vehicles of a training apart, which another training does not have."""


class NetworkModule(Protocol):
    """A module of `pipeline.reid.models`.

    Attributes:
        NetworkParams: Class of the network's own parameters.
        Network: The network, made from a `ReidShapeParams`, its own parameters and the number of vehicles.
    """

    NetworkParams: type[Any]

    def Network(self, shape: ReidShapeParams, params: Any, classes: int, /) -> ReidNetwork:  # noqa: N802 - a class
        """Make the network with random initial weights."""


def network_module(name: str, where: str) -> NetworkModule:
    """Find a network's module by its name.

    Args:
        name: Of the module, as ``pgan``.
        where: What names it, for messages.

    Raises:
        ValueError: There is no such module.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(models.__path__))
    if name not in names:
        raise ValueError(f"{where}: network: expected one of {', '.join(names)}, got {name!r}")
    return cast(NetworkModule, importlib.import_module(f"{models.__name__}.{name}"))


def load_first_weights(network: ReidNetwork, pretrained: PretrainedParams) -> None:
    """Give a model its first weights: its backbone those of a library, or all but the classifier those of a model.

    Args:
        network: Filled in place.
        pretrained: Where they are: ImageNet weights, or a file in `models/reid` of a model of the same shape.

    Raises:
        FileNotFoundError: The local file does not exist.
        ValueError: The file is damaged or has another digest, or its weights do not fit.
    """
    own = load_own(pretrained, KIND)
    if own is None:
        network.load_pretrained(pretrained)
        return
    vehicles = {name: tensor for name, tensor in network.state_dict().items() if name.endswith(CLASSIFIER)}
    weights.fill(network, own | vehicles, Path(str(pretrained.source)))


def restore(path: Path, model: str) -> tuple[ReidNetwork, dict[str, Any]]:
    """Rebuild a trained model.

    Args:
        path: Its weights.
        model: Its name.

    Returns:
        The network in evaluation mode, and the metadata its training saved.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: The weights are of another model or of another version of this pipeline.
    """
    state, metadata = weights.load(path, KIND)
    if metadata["model"] != model:
        raise ValueError(f"{path}: expected weights of model {model!r}, got {metadata['model']!r}")
    shape = weights.params_of(ReidShapeParams, metadata, "shape", path)
    module = network_module(metadata["network"], str(path))
    own = weights.params_of(module.NetworkParams, metadata, "network_params", path)
    network = module.Network(shape, own, metadata["classes"])
    weights.fill(network, state, path)
    return network.eval(), metadata
