"""Trains the foreground network on seed masks that are often wrong (SPAN supplement §1)."""

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pipeline.foreground.losses import abnormal, hardest, mask_losses, own_targets
from pipeline.foreground.network import ForegroundNetwork, ForegroundNetworkParams, build_foreground
from pipeline.foreground.samples import (
    ForegroundAugmentationParams,
    ForegroundBatch,
    SeedLoader,
    collate,
    training_rows,
)
from pipeline.networks.devices import gathered, of_batch, own_share
from pipeline.networks.loading import Batches
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.tensors import channels_last, normalise
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.params import Share, parameters
from pipeline.store.runtime import RuntimeParams
from pipeline.training.loop import ScheduleParams, Trained, fit
from pipeline.training.samples import at_epoch, shuffled_batches


@parameters
class ForegroundTrainingParams:
    """The `train_foreground` section of `params.yaml`."""

    network: ForegroundNetworkParams
    """Shape of the network."""
    pretrained: PretrainedParams
    """First weights of its backbone."""
    loss: Literal["mse", "bce"]
    """``mse`` of probabilities (release), or ``bce``: binary cross-entropy."""
    remove_after_epochs: PositiveInt | None
    """Epochs on all samples, "a few", after which those of abnormally large loss are removed, once and for good; null
    removes none."""
    remove_deviations: NonNegativeFloat
    """Robust standard deviations above the median at which a loss is abnormal."""
    relabel_from_epoch: NonNegativeInt | None
    """From this epoch on samples of each batch with the largest loss take the network's own thresholded output as
    target (release: 3, in place of removal); null never."""
    relabel_share: Share
    """Share of a batch so relabelled (release: 0.5)."""
    augmentation: ForegroundAugmentationParams
    """Random changes of samples."""
    batch_size: PositiveInt
    """Images per step."""
    schedule: ScheduleParams
    """Epochs and learning rate."""


class NoisySeeds:
    """The training samples, and what is remembered of each so that wrong seeds lose their influence.

    Args:
        store: The images.
        seeds: Their seed masks, ``grabcut/1``.
        training: The parameters.
        runtime: Gives the seed and the loader processes.

    Attributes:
        rows: `(M,)` rows trained on.
        state: ``losses`` `(M,)` float32, the last loss of each sample; ``removed`` `(M,)` bool; ``epoch`` the current
            one.
    """

    def __init__(
        self, store: ImageStore, seeds: hdf5.Cache, training: ForegroundTrainingParams, runtime: RuntimeParams
    ) -> None:
        self.rows = training_rows(store, seeds)
        sizes = training.network.input_size, training.network.mask_size
        self._load = SeedLoader(store, seeds, self.rows, *sizes, training.augmentation, runtime.seed)
        self._training = training
        self._runtime = runtime
        self.state = {
            "losses": torch.zeros(len(self.rows)),
            "removed": torch.zeros(len(self.rows), dtype=torch.bool),
            "epoch": torch.zeros((), dtype=torch.int64),
        }

    def batches(self, epoch: int) -> Batches[ForegroundBatch]:
        """Remove abnormal samples when their one time has come, and load the others in random order."""
        self.state["epoch"].fill_(epoch)
        if epoch == self._training.remove_after_epochs:
            self.state["removed"].copy_(abnormal(self.state["losses"], self._training.remove_deviations))
        kept = np.flatnonzero(~self.state["removed"].numpy())
        load, size = at_epoch(self._load, epoch), self._training.batch_size
        return shuffled_batches(kept, load, epoch, size, self._runtime, collate)

    def losses(self, network: nn.Module, batch: ForegroundBatch) -> dict[str, Tensor]:
        """Mean loss of a batch, ``mask``, as its share counts; each sample's own is remembered."""
        training = self._training
        logits = network(channels_last(normalise(batch.images))).float()
        targets = batch.targets.float() / 255
        each = mask_losses(logits, targets, training.loss)
        positions, losses = gathered(batch.positions), gathered(each.detach())
        self.state["losses"][positions.cpu()] = losses.cpu()
        first = training.relabel_from_epoch
        if first is not None and int(self.state["epoch"]) >= first:
            if len(positions) == len(set(positions.tolist())):
                chosen = own_share(hardest(losses, training.relabel_share), each)
            else:  # all processes have the whole batch
                chosen = hardest(each, training.relabel_share)
            each = mask_losses(logits, own_targets(logits, targets, chosen), training.loss)
        return {"mask": of_batch(each.mean(), len(each))}


def train(
    store: ImageStore,
    seeds: hdf5.Cache,
    training: ForegroundTrainingParams,
    runtime: RuntimeParams,
    fabric: Fabric,
    scratch: Path | None,
) -> Trained[ForegroundNetwork]:
    """Train a foreground network on seed masks.

    Args:
        store: The images; only the splits `train` and `extra` are read.
        seeds: Their seed masks, ``grabcut/1``; failed ones are left out.
        training: The parameters.
        runtime: Gives the seed and the loader processes.
        fabric: Places network and batches; started from `runtime`.
        scratch: Folder for checkpoints, see `fit`.

    Returns:
        The network; a history whose ``removed`` counts the samples removed at each epoch's start; and the metadata,
        with ``removed_rows`` (see `pipeline.foreground.trained_on`).
    """
    samples = NoisySeeds(store, seeds, training, runtime)
    network = build_foreground(training.network, training.pretrained).to(memory_format=torch.channels_last)
    history = fit(
        network, samples.losses, samples.batches, training.schedule, fabric, scratch=scratch, state=samples.state
    )
    removed = samples.rows[samples.state["removed"].numpy()].tolist()
    metadata = {
        "network": asdict(training.network),
        "table": store.digest,
        "trained_rows": len(samples.rows),
        "removed_rows": removed,
    }
    rows = [row | {"removed": len(removed) * (row["epoch"] == training.remove_after_epochs)} for row in history]
    return Trained(network, rows, metadata)
