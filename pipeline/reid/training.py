"""Training of one re-ID model on one data set."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pipeline.networks.runtime import RowDataset, Runtime
from pipeline.networks.weights import Pretrained
from pipeline.reid.augmentation import AugmentationParams
from pipeline.reid.losses import reid_losses
from pipeline.reid.network import ReidArchitecture, ReidBatch, ReidNetwork, ReidOutput
from pipeline.reid.sampler import identity_batches
from pipeline.reid.samples import ReidSources, SampleLoader, collate
from pipeline.store.files import digest_of
from pipeline.store.images import ImageStore
from pipeline.training.loop import Schedule, fit


@dataclass(frozen=True)
class ReidTraining(ReidArchitecture, AugmentationParams, Schedule):
    """The `train_reid` section of `params.yaml`: network, augmentation, schedule, and what follows.

    Attributes:
        pretrained: Where the backbone's first weights come from.
        identities_per_batch: P, vehicles a batch.
        images_per_identity: K, images of each.
        identity_weight: Weight of the cross-entropy, lambda in PGAN (5).
        label_smoothing: Share of the cross-entropy's target spread over all vehicles.
        triplet_weights: Weight of the triplet loss on each of the model's training distances.
        triplet_margin: Margin of every triplet loss.
    """

    pretrained: Pretrained
    identities_per_batch: int
    images_per_identity: int
    identity_weight: float
    label_smoothing: float
    triplet_weights: dict[str, float]
    triplet_margin: float

    @property
    def network(self) -> ReidArchitecture:
        """The part that fixes the network's shape."""
        return ReidArchitecture(**{field.name: getattr(self, field.name) for field in fields(ReidArchitecture)})


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


def train(
    network: ReidNetwork,
    sources: ReidSources,
    rows: NDArray[np.int64],
    params: ReidTraining,
    runtime: Runtime,
    fabric: Fabric,
    scratch: Path | None = None,
) -> list[dict[str, float]]:
    """Train a model in place (PGAN §3.5 and §4.2, SPAN §3.4 and §4.2).

    Args:
        network: A model from `pipeline.reid.build`, its classes those of `classes_of`.
        sources: What it reads.
        rows: Rows to train on.
        params: Schedule, augmentation and losses.
        runtime: Seed and loader processes.
        fabric: Places network and batches.
        scratch: Folder of checkpoints, see `pipeline.training.loop.fit`.

    Returns:
        One row an epoch, see `pipeline.training.loop.fit`.
    """
    classes = classes_of(sources.store, rows)
    identities = [classes[str(vehicle)] for vehicle in sources.store.vehicle_ids[rows]]
    plain = SampleLoader(sources, params.input_size, classes, params, runtime.seed)

    def batches(epoch: int) -> DataLoader[ReidBatch]:
        positions = identity_batches(
            identities, params.identities_per_batch, params.images_per_identity, runtime.seed, epoch
        )
        dataset: RowDataset[object] = RowDataset(rows, replace(plain, epoch=epoch))
        return DataLoader(
            dataset,  # type: ignore[arg-type]
            batch_sampler=positions,
            num_workers=runtime.workers,
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
        )

    def losses(module: nn.Module, batch: ReidBatch) -> dict[str, Tensor]:
        output: ReidOutput = module(batch)
        assert output.logits is not None
        return reid_losses(
            output.logits,
            output.distances,
            batch.identities,
            identity_weight=params.identity_weight,
            label_smoothing=params.label_smoothing,
            triplet_weights=params.triplet_weights,
            margin=params.triplet_margin,
        )

    network.load_pretrained(params.pretrained)
    network.to(memory_format=torch.channels_last)
    return fit(network, losses, batches, params, fabric, scratch=scratch)


def scratch_folder(model: str, sources: ReidSources, params: ReidTraining, runtime: Runtime) -> Path:
    """Folder of this training's checkpoints, named by everything that decides its result."""
    arithmetic = {"seed": runtime.seed, "threads": runtime.threads, "precision": runtime.precision}
    inputs = {"table": sources.store.digest, "makers": sources.makers, "params": asdict(params), **arithmetic}
    return Path(".scratch/train_reid") / digest_of({"model": model, **inputs})
