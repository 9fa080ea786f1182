"""Training of one re-ID model on one data set, or on several together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.networks.devices import processes
from pipeline.networks.loading import Batches
from pipeline.networks.stage import frozen_maps_kept
from pipeline.reid.augmentation import Sample
from pipeline.reid.build import load_first_weights, network_module
from pipeline.reid.losses import reid_losses
from pipeline.reid.network import ReidBatch, ReidNetwork, ReidOutput
from pipeline.reid.params import ModelParams
from pipeline.reid.sampler import balanced_batches, identity_batches
from pipeline.reid.samples import (
    JointLoader,
    ReidLoader,
    ReidSources,
    check_networks_alike,
    check_shapes_alike,
    collate,
)
from pipeline.store.files import digest_of
from pipeline.store.images import ImageStore
from pipeline.store.runtime import RuntimeParams
from pipeline.training.loop import Trained, fit
from pipeline.training.samples import RepeatingLoader, at_epoch, drawn_batches


def training_rows(store: ImageStore) -> NDArray[np.int64]:
    """Rows re-ID is trained on: those of the split ``train``, each of a known vehicle.

    Raises:
        ValueError: There are none.
    """
    rows = store.rows("train")
    if not len(rows):
        raise ValueError(f"{store.path}: no images in split 'train' to train a re-ID model on")
    return rows


def classes_of(store: ImageStore, rows: Sequence[int] | NDArray[np.int64]) -> dict[str, int]:
    """Vehicle -> class, in the order of their names."""
    return {str(vehicle): code for code, vehicle in enumerate(np.unique(store.vehicle_ids[rows]))}


def build_network(params: ModelParams, store: ImageStore, rows: NDArray[np.int64]) -> ReidNetwork:
    """A model with random initial weights for the vehicles of some rows."""
    return network_of(params, len(classes_of(store, rows)))


def build_joint_network(params: ModelParams, stores: Sequence[ImageStore]) -> ReidNetwork:
    """A model with random initial weights for the vehicles that several data sets have to train on."""
    return network_of(params, sum(len(classes_of(store, training_rows(store))) for store in stores))


def network_of(params: ModelParams, classes: int) -> ReidNetwork:
    """A model with random initial weights for as many vehicles.

    Raises:
        ValueError: Its backbone is unknown, or its values do not fit one another.
    """
    module = network_module(params.network, "reid_models")
    return module.Network(params.shape, params.own, classes)


@dataclass(frozen=True)
class _Learnt:
    """What a model is trained on.

    Attributes:
        numbers: What `load` calls the images.
        load: Loads them.
        groups: Epoch -> each batch's positions among `numbers`.
        facts: Metadata: ``classes``, ``table`` and ``makers``.
    """

    numbers: NDArray[np.int64]
    load: RepeatingLoader[tuple[Sample, int]]
    groups: Callable[[int], list[list[int]]]
    facts: Mapping[str, Any]


def train(
    network: ReidNetwork,
    sources: ReidSources,
    rows: NDArray[np.int64],
    params: ModelParams,
    runtime: RuntimeParams,
    fabric: Fabric,
    scratch: Path | None = None,
) -> Trained[ReidNetwork]:
    """Train a model (PGAN §3.5 and §4.2, SPAN §3.4 and §4.2).

    Args:
        network: From `build_network`, for the same rows; trained in place.
        sources: What it reads.
        rows: Rows to train on.
        params: The model's parameters.
        runtime: Seed and loader processes.
        fabric: Places network and batches; started from `runtime`.
        scratch: Folder of checkpoints, see `pipeline.training.loop.fit`.

    Returns:
        The network, its history and the metadata that `pipeline.reid.build.restore` needs, but for the model's name.

    Raises:
        ValueError: A batch has fewer vehicles than there are devices, so that its triplets could not be shared.
    """
    training = params.training
    classes = classes_of(sources.store, rows)
    identities = [classes[str(vehicle)] for vehicle in sources.store.vehicle_ids[rows]]
    load = ReidLoader(sources, training.input_size, classes, training, runtime.seed)

    def groups(epoch: int) -> list[list[int]]:
        return identity_batches(
            identities, training.identities_per_batch, training.images_per_identity, runtime.seed, epoch
        )

    facts = {"classes": len(classes), "table": sources.store.digest, "makers": sources.makers}
    return _train(network, _Learnt(rows, load, groups, facts), params, runtime, fabric, scratch)


def train_jointly(
    network: ReidNetwork,
    sources: Sequence[ReidSources],
    params: ModelParams,
    runtime: RuntimeParams,
    fabric: Fabric,
    scratch: Path | None = None,
) -> Trained[ReidNetwork]:
    """Train a model on the training images of several data sets, as many vehicles of each in a batch.

    Vehicles of two data sets are never the same, whatever they are called.

    Args:
        network: From `build_joint_network`, for the same data sets; trained in place.
        sources: What it reads of each data set.
        params: The model's parameters.
        runtime: Seed and loader processes.
        fabric: Places network and batches; started from `runtime`.
        scratch: Folder of checkpoints, see `pipeline.training.loop.fit`.

    Returns:
        As `train`.

    Raises:
        ValueError: As `train`; or caches of the data sets were made by different networks or do not fit in one batch,
            or a data set has too few vehicles for its share of a batch.
    """
    training = params.training
    for other in sources[1:]:
        check_networks_alike(other, sources[0].makers)
    check_shapes_alike(sources)
    rows = [training_rows(each.store) for each in sources]
    loaders: list[ReidLoader] = []
    identities: list[int] = []
    for each, own in zip(sources, rows, strict=True):
        first = sum(len(loader.classes) for loader in loaders)
        known = {vehicle: first + code for vehicle, code in classes_of(each.store, own).items()}
        loaders.append(ReidLoader(each, training.input_size, known, training))
        identities += [known[str(vehicle)] for vehicle in each.store.vehicle_ids[own]]
    sets = np.repeat(np.arange(len(sources)), [len(own) for own in rows])
    load = JointLoader(tuple(loaders), sets, np.concatenate(rows), runtime.seed)

    def groups(epoch: int) -> list[list[int]]:
        return balanced_batches(
            identities, sets, training.identities_per_batch, training.images_per_identity, runtime.seed, epoch
        )

    facts = {
        "classes": len(set(identities)),
        "table": digest_of([each.store.digest for each in sources]),
        "makers": sources[0].makers,
    }
    return _train(network, _Learnt(np.arange(len(sets)), load, groups, facts), params, runtime, fabric, scratch)


def _train(
    network: ReidNetwork,
    learnt: _Learnt,
    params: ModelParams,
    runtime: RuntimeParams,
    fabric: Fabric,
    scratch: Path | None,
) -> Trained[ReidNetwork]:
    """Train a model on what was chosen."""
    training = params.training
    if training.identities_per_batch < processes():
        raise ValueError(
            f"identities_per_batch: expected at least a vehicle for each of the {processes()} devices, "
            f"got {training.identities_per_batch}"
        )

    def batches(epoch: int) -> Batches[ReidBatch]:
        load = at_epoch(learnt.load, epoch)
        return drawn_batches(learnt.numbers, learnt.groups(epoch), load, runtime, collate, training.images_per_identity)

    def losses(module: nn.Module, batch: ReidBatch) -> dict[str, Tensor]:
        output: ReidOutput = module(batch)
        assert output.logits is not None
        return reid_losses(
            output.logits,
            output.distances,
            batch.identities,
            identity_weight=training.identity_weight,
            label_smoothing=training.label_smoothing,
            triplet=training.triplet,
            triplet_weights=training.triplet_weights,
            margin=training.triplet_margin,
        )

    load_first_weights(network, training.pretrained)
    network.to(memory_format=torch.channels_last)
    with frozen_maps_kept(network, runtime.frozen_maps):
        history = fit(network, losses, batches, training, fabric, scratch=scratch)
    metadata = {
        "network": params.network,
        "network_params": asdict(params.own),
        "shape": asdict(params.shape),
        **learnt.facts,
    }
    return Trained(network, history, metadata)
