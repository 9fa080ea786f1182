"""Training the part detector on annotated images."""

from dataclasses import asdict
from pathlib import Path

import torch
from lightning_fabric import Fabric
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torchvision.models.detection.ssd import SSD

from pipeline.networks.pretrained import PretrainedParams
from pipeline.parts.augmentation import PartAugmentationParams
from pipeline.parts.network import DetectorNetworkParams, build_detector, input_size, settled
from pipeline.parts.samples import DetectionBatch, PartLoader, collate, training_rows
from pipeline.parts.trained_on import trained_images
from pipeline.store.images import ImageStore
from pipeline.store.names import DataSetName
from pipeline.store.params import parameters
from pipeline.store.runtime import RuntimeParams
from pipeline.store.vocabulary import PART_CLASSES
from pipeline.training.loop import ScheduleParams, Trained, fit
from pipeline.training.samples import shuffled_epochs


@parameters
class DetectorTrainingParams:
    """The `train_detector` section of `params.yaml`."""

    dataset: DataSetName
    """Data set with part boxes that the workspace's one detector is trained on (as PGAN)."""
    network: DetectorNetworkParams
    """Network and its shape."""
    pretrained: PretrainedParams
    """ImageNet weights of the backbone."""
    held_back_every: NonNegativeInt
    """Every how many annotated train and extra images, by order of image digest, one is left out to measure on; 0
    trains on all."""
    batch_size: PositiveInt
    """Images per step (SSD §3)."""
    augmentation: PartAugmentationParams
    """How training images vary."""
    schedule: ScheduleParams
    """Epochs and learning rate."""


def train(
    store: ImageStore, training: DetectorTrainingParams, runtime: RuntimeParams, fabric: Fabric, scratch: Path | None
) -> Trained[SSD]:
    """Train a detector from part boxes.

    Args:
        store: Images with annotated parts; only the splits `train` and `extra` are read.
        training: The parameters.
        runtime: Gives the seed and the loader processes.
        fabric: Places network and batches; started from `runtime`.
        scratch: Folder for checkpoints, see `fit`.

    Returns:
        The detector; its history (losses ``bbox_regression`` and ``classification``); and the metadata.
    """
    rows, held_back = training_rows(store, training.held_back_every)
    network = settled(training.network, training.pretrained)
    detector = build_detector(network, training.pretrained).to(memory_format=torch.channels_last)
    load = PartLoader(store, input_size(detector), training.augmentation, runtime.seed)
    batches = shuffled_epochs(rows, load, training.batch_size, runtime, collate)
    history = fit(detector, detection_losses, batches, training.schedule, fabric, scratch=scratch)
    metadata = {
        "network": asdict(network),
        "classes": list(PART_CLASSES),
        "held_back": store.paths[held_back].tolist(),
        "table": store.digest,
        "trained_images": trained_images(store, rows),
    }
    return Trained(detector, history, metadata)


def detection_losses(detector: nn.Module, batch: DetectionBatch) -> dict[str, Tensor]:
    """SSD's two losses, summed over matched and mined default boxes and divided by the matched (SSD §2.2)."""
    images = list((batch["images"].float() / 255).unbind())
    targets = [
        {"boxes": boxes, "labels": labels} for boxes, labels in zip(batch["boxes"], batch["labels"], strict=True)
    ]
    return dict(detector(images, targets))
