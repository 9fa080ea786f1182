"""The parameters of one re-ID model's training, put together from `train_reid`, `reid_models` and `overrides`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from pipeline.networks.pretrained import PretrainedParams
from pipeline.reid.augmentation import ReidAugmentationParams
from pipeline.reid.build import network_module
from pipeline.reid.network import ReidShapeParams
from pipeline.store import params
from pipeline.store.names import DataSetName
from pipeline.store.params import Share, parameters
from pipeline.training.loop import ScheduleParams


@parameters
class ReidTrainingParams(ReidShapeParams, ReidAugmentationParams, ScheduleParams):
    """The `train_reid` section of `params.yaml`: shape, augmentation, schedule, and what follows."""

    pretrained: PretrainedParams
    """Where the backbone's first weights come from."""
    identities_per_batch: PositiveInt
    """P, vehicles per batch."""
    images_per_identity: PositiveInt
    """K, images of each vehicle."""
    together: tuple[DataSetName, ...] = Field(default=(), kw_only=True)
    """Data sets trained on together, as many vehicles of each in a batch, where the entry is one of ``joint``; [] for a
    data set, which is trained on alone."""
    identity_weight: NonNegativeFloat
    """Weight of the cross-entropy, lambda in PGAN (5)."""
    label_smoothing: Share
    """Share of the cross-entropy's target spread over all vehicles; neither paper smooths, PGAN's baseline
    (Luo et al. 2019) does."""
    triplet: Literal["batch_hard", "adaptive"]
    """Which images of a batch an anchor's triplet loss is about: ``batch_hard``, the farthest of its vehicle and the
    nearest of another (PGAN §3.5), or ``adaptive``, all of them, weighted by softmax and softmin of their distances
    (Ristani and Tomasi 2018, which SPAN cites)."""
    triplet_weights: dict[str, NonNegativeFloat]
    """Weight of the triplet loss on each of the model's training distances; 0 leaves one out."""
    triplet_margin: NonNegativeFloat
    """Margin of every triplet loss, in units of the distance."""


@dataclass(frozen=True)
class ModelParams:
    """How one model is trained, and what it is.

    Attributes:
        training: Everything that all models have.
        network: Module of `pipeline.reid.models`.
        own: That network's own parameters, its `NetworkParams`.
    """

    training: ReidTrainingParams
    network: str
    own: Any

    @property
    def shape(self) -> ReidShapeParams:
        """The part of `training` that fixes the network's shape."""
        return ReidShapeParams(**{field.name: getattr(self.training, field.name) for field in fields(ReidShapeParams)})


def load_model(path: Path, dataset: str, model: str) -> ModelParams:
    """Read how a model is trained on a data set.

    Args:
        path: The parameter file.
        dataset: Name of the data set.
        model: A key of ``reid_models``.

    Raises:
        ValueError: The model has no entry, its network does not exist, or a value is unknown, missing or wrong.
    """
    return model_of(params.read(path), path, dataset, model)


def model_of(document: Mapping[str, Any], path: Path, dataset: str, model: str) -> ModelParams:
    """What `load_model` gives, of a parsed parameter file, which many models may be read from; raises likewise.

    Args:
        document: The file.
        path: Where it was read from, for messages.
        dataset: Name of the data set.
        model: A key of ``reid_models``.
    """
    values = params.model_values(document, path, dataset, model)
    where = f"{path}: reid_models.{model}"
    network = values.pop("network", None)
    if not isinstance(network, str):
        raise ValueError(f"{where}: key 'network' is missing; it names a module of pipeline/reid/models")
    own = network_module(network, where).NetworkParams
    shared = {field.name for field in fields(ReidTrainingParams)}
    names = {field.name for field in fields(own)}
    if unknown := sorted(set(values) - shared - names):
        known = ", ".join(sorted(shared | names))
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; known keys of network {network} are {known}")
    return ModelParams(
        training=params.build(ReidTrainingParams, _only(values, shared), where),
        network=network,
        own=params.build(own, _only(values, names), where),
    )


def _only(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}
