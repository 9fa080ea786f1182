"""What a run would say after hours, heard at once: its networks, built as trainings build them, and its machine."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from pipeline.foreground.network import ForegroundNetwork, build_foreground
from pipeline.foreground.training import ForegroundTrainingParams
from pipeline.maps.cluster import imported_ray
from pipeline.networks.devices import check_norm, fabric_of
from pipeline.networks.loggers import check_installed
from pipeline.networks.pretrained import PretrainedParams, from_hub
from pipeline.parts.network import build_detector, settled
from pipeline.parts.training import DetectorTrainingParams
from pipeline.reid.build import load_first_weights
from pipeline.reid.params import ModelParams
from pipeline.reid.training import network_of
from pipeline.store.runtime import RuntimeParams
from pipeline.views.network import Span, build_span
from pipeline.views.training import SpanTrainingParams

VEHICLES = 2
"""Classes of a model that is only tried."""
BODIES = {"ssd300_vgg16": "vgg16", "ssdlite320_mobilenet_v3_large": "mobilenet_v3_large"}
"""Detector -> the network whose first weights it takes, by torchvision's name."""


def refused(sections: Mapping[str, Any], models: Mapping[str, ModelParams], taught: Collection[str]) -> dict[str, str]:
    """Build every network that a run trains on a data set, with its first weights where these are on this machine.

    Args:
        sections: Section -> its values for the data set, of `pipeline.description.sections.SECTIONS`.
        models: Re-ID model of the run -> its parameters.
        taught: Which of the workspace's networks the data set teaches: ``train_detector``, ``train_span``.

    Returns:
        Stage, of a re-ID model with its name -> what is wrong with its values; those without a fault are left out.
    """
    trials: dict[str, Callable[[], object]] = {
        "train_foreground": partial(_foreground, sections["train_foreground"]),
        "train_detector": partial(_detector, sections["train_detector"]),
        "train_span": partial(_span, sections["train_span"]),
    }
    trials = {name: trial for name, trial in trials.items() if name == "train_foreground" or name in taught}
    trials |= {f"train_reid: {name}": partial(_model, values) for name, values in models.items()}
    found = {}
    for name, trial in trials.items():
        try:
            trial()
        except (ValueError, RuntimeError, OSError, KeyError) as error:
            found[name] = str(error)
    return found


def _foreground(values: ForegroundTrainingParams) -> None:
    ForegroundNetwork(values.network)
    if not from_hub(values.network.backbone, values.pretrained):
        build_foreground(values.network, values.pretrained)


def _detector(values: DetectorTrainingParams) -> None:
    build_detector(values.network, PretrainedParams(None))
    shape = settled(values.network, values.pretrained)
    body = BODIES[shape.name] if shape.resnet is None else shape.resnet.backbone
    if not from_hub(body, values.pretrained):
        build_detector(shape, values.pretrained)


def _span(values: SpanTrainingParams) -> None:
    Span(values.network, values.labels)
    if not from_hub(values.network.backbone, values.pretrained):
        build_span(values.network, values.labels, values.pretrained)


def _model(values: ModelParams) -> None:
    network, pretrained = network_of(values, VEHICLES), values.training.pretrained
    if not from_hub(values.training.backbone, pretrained):
        load_first_weights(network, pretrained)


def lacking(runtime: RuntimeParams) -> list[str]:
    """What this machine lacks of what `runtime` asks for, as a stage would say it; starts no process.

    Args:
        runtime: What is asked for.

    Returns:
        A sentence each.
    """

    def devices() -> None:
        norm = runtime.synchronised_norm
        fabric = fabric_of(runtime.accelerator, runtime.devices, runtime.precision, synchronised_norm=norm)
        if norm and runtime.devices > 1:
            check_norm(fabric.device.type)

    checks: list[Callable[[], object]] = [devices, lambda: check_installed(runtime.logger)]
    if runtime.engine == "ray":
        checks.append(imported_ray)
    found = []
    for check in checks:
        try:
            check()
        except (ValueError, RuntimeError) as error:
            found.append(str(error))
    return found
