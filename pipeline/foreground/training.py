"""Trains the foreground network on seed masks that are often wrong (SPAN supplement §1)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.foreground.losses import abnormal, mask_losses, own_targets
from pipeline.foreground.network import ForegroundArchitecture, ForegroundNetwork, build_foreground
from pipeline.foreground.samples import ForegroundAugmentation, ForegroundBatch, _collate, augmented, training_rows
from pipeline.networks.runtime import Runtime, batches_of, generator_of
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import Pretrained
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.resizing import resize
from pipeline.training.loop import Batches, Schedule, fit

KIND = "foreground/1"


@dataclass(frozen=True)
class ForegroundTraining:
    """The `train_foreground` section of `params.yaml`.

    Attributes:
        architecture: Shape of the network.
        pretrained: First weights of its encoder.
        loss: ``mse`` of probabilities or ``bce``.
        remove_from_epoch: From the start of this epoch (the first is 0) samples of abnormal loss are removed;
            null removes none.
        remove_deviations: Robust standard deviations above the median at which a loss is abnormal.
        relabel_from_epoch: From this epoch on samples of each batch with the largest loss take the network's own
            thresholded output as target; null never.
        relabel_share: Share of the batch relabelled.
        augmentation: Random changes of samples.
        batch_size: Images a step.
        schedule: Epochs and learning rate.
    """

    architecture: ForegroundArchitecture
    pretrained: Pretrained
    loss: Literal["mse", "bce"]
    remove_from_epoch: int | None
    remove_deviations: float
    relabel_from_epoch: int | None
    relabel_share: float
    augmentation: ForegroundAugmentation
    batch_size: int
    schedule: Schedule


class NoisySeeds:
    """The training samples, and what is remembered of each so that wrong seeds lose their influence.

    Args:
        store: The images.
        seeds: Their seed masks, ``grabcut/1``.
        training: The parameters.
        runtime: Gives the seed and the loader processes.

    Attributes:
        rows: `(M,)` rows trained on.
        state: ``losses`` `(M,)` float32, the last loss of each sample; ``removed`` `(M,)` bool; ``removals``
            `(epochs,)` int64, samples removed at the start of each epoch; ``epoch`` the current one.
    """

    def __init__(self, store: ImageStore, seeds: hdf5.Cache, training: ForegroundTraining, runtime: Runtime) -> None:
        self.rows = training_rows(store, seeds)
        self._store = store
        self._seeds = seeds
        self._training = training
        self._runtime = runtime
        self.state = {
            "losses": torch.zeros(len(self.rows)),
            "removed": torch.zeros(len(self.rows), dtype=torch.bool),
            "removals": torch.zeros(training.schedule.epochs, dtype=torch.int64),
            "epoch": torch.zeros((), dtype=torch.int64),
        }

    def batches(self, epoch: int) -> Batches[ForegroundBatch]:
        """Remove abnormal samples when their time has come, and load the others in random order."""
        self.state["epoch"].fill_(epoch)
        first = self._training.remove_from_epoch
        if first is not None and epoch >= max(first, 1):
            self._remove(epoch)
        kept = np.flatnonzero(~self.state["removed"].numpy())
        order = generator_of(self._runtime.seed, epoch).permutation(kept)
        load = partial(self._sample, epoch)
        loader = batches_of(order, load, self._training.batch_size, self._runtime, _collate)
        return cast(Batches[ForegroundBatch], loader)

    def losses(self, network: nn.Module, batch: ForegroundBatch) -> dict[str, Tensor]:
        """Mean loss of a batch, ``mask``; each sample's own is remembered."""
        training = self._training
        logits = network(channels_last(normalise(batch.images))).float()
        targets = batch.targets.float() / 255
        each = mask_losses(logits, targets, training.loss)
        self.state["losses"][batch.positions.cpu()] = each.detach().cpu()
        first = training.relabel_from_epoch
        if first is not None and int(self.state["epoch"]) >= first:
            each = mask_losses(logits, own_targets(logits, targets, each, training.relabel_share), training.loss)
        return {"mask": each.mean()}

    def _remove(self, epoch: int) -> None:
        kept = ~self.state["removed"]
        found = abnormal(self.state["losses"][kept], self._training.remove_deviations)
        self.state["removed"][kept.nonzero().squeeze(1)[found]] = True
        self.state["removals"][epoch] = found.sum()

    def _sample(self, epoch: int, position: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], int]:
        row = int(self.rows[position])
        shape = self._training.architecture
        image = resize(self._store.image(row), shape.input_size, shape.input_size)
        generator = generator_of(self._runtime.seed, epoch, row)
        image, mask = augmented(image, self._seeds["masks"][row], generator, self._training.augmentation)
        return image, resize(mask, shape.mask_size, shape.mask_size), position


def train(
    store: ImageStore,
    seeds: hdf5.Cache,
    training: ForegroundTraining,
    runtime: Runtime,
    fabric: Fabric,
    scratch: Path | None,
) -> tuple[ForegroundNetwork, list[dict[str, float]], dict[str, Any]]:
    """Train a foreground network on seed masks.

    Args:
        store: The images; only the splits `train` and `extra` are read.
        seeds: Their seed masks, ``grabcut/1``; failed ones are left out.
        training: The parameters.
        runtime: Gives the seed and the loader processes.
        fabric: Places network and batches; started from `runtime`.
        scratch: Folder for checkpoints, see `fit`.

    Returns:
        The network in evaluation mode; one row an epoch, ``removed`` counting the samples removed at its start;
        and the metadata its weights are saved with.
    """
    samples = NoisySeeds(store, seeds, training, runtime)
    network = build_foreground(training.architecture, training.pretrained).to(memory_format=torch.channels_last)
    losses = cast(Callable[[nn.Module, ForegroundBatch], dict[str, Tensor]], samples.losses)
    history = fit(network, losses, samples.batches, training.schedule, fabric, scratch=scratch, state=samples.state)
    removals = samples.state["removals"].tolist()
    metadata = {
        "architecture": asdict(training.architecture),
        "table": store.digest,
        "trained_rows": len(samples.rows),
        "removed": removals,
    }
    rows = [row | {"removed": count} for row, count in zip(history, removals, strict=True)]
    return network, rows, metadata
