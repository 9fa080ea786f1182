"""Training of one re-ID model on one data set."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.networks.devices import processes
from pipeline.networks.loading import Batches
from pipeline.reid.build import network_module
from pipeline.reid.losses import reid_losses
from pipeline.reid.network import ReidBatch, ReidNetwork, ReidOutput
from pipeline.reid.params import ModelParams
from pipeline.reid.sampler import identity_batches
from pipeline.reid.samples import ReidLoader, ReidSources, collate
from pipeline.store.images import ImageStore
from pipeline.store.runtime import RuntimeParams
from pipeline.training.loop import Trained, fit
from pipeline.training.samples import at_epoch, drawn_batches


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
    module = network_module(params.network, "reid_models")
    return module.Network(params.shape, params.own, len(classes_of(store, rows)))


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
    if training.identities_per_batch < processes():
        raise ValueError(
            f"identities_per_batch: expected at least a vehicle for each of the {processes()} devices, "
            f"got {training.identities_per_batch}"
        )
    classes = classes_of(sources.store, rows)
    identities = [classes[str(vehicle)] for vehicle in sources.store.vehicle_ids[rows]]
    load = ReidLoader(sources, training.input_size, classes, training, runtime.seed)

    def batches(epoch: int) -> Batches[ReidBatch]:
        groups = identity_batches(
            identities, training.identities_per_batch, training.images_per_identity, runtime.seed, epoch
        )
        return drawn_batches(rows, groups, at_epoch(load, epoch), runtime, collate, training.images_per_identity)

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

    network.load_pretrained(training.pretrained)
    network.to(memory_format=torch.channels_last)
    history = fit(network, losses, batches, training, fabric, scratch=scratch)
    metadata = {
        "network": params.network,
        "network_params": asdict(params.own),
        "shape": asdict(params.shape),
        "classes": len(classes),
        "table": sources.store.digest,
        "makers": sources.makers,
    }
    return Trained(network, history, metadata)
