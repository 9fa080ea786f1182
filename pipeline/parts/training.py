"""Training the part detector on annotated images, and which images it may be measured on afterwards."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection.ssd import SSD

from pipeline.networks.runtime import Runtime, batches_of, generator_of
from pipeline.networks.tensors import to_batch
from pipeline.networks.weights import Pretrained
from pipeline.parts.augmentation import PartAugmentation, augment
from pipeline.parts.network import Architecture, build_detector, input_size
from pipeline.parts.trained_on import _DIGEST_LENGTH
from pipeline.store.boxes import PartBoxes
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import PART_CLASSES
from pipeline.training.loop import Batches, Schedule, fit


@dataclass(frozen=True)
class DetectorTraining:
    """The `train_detector` section of `params.yaml`.

    Attributes:
        dataset: Data set whose annotated images are trained on.
        architecture: Network and its shape.
        pretrained: ImageNet weights of the backbone.
        held_back_every: Every how many annotated train and extra images, by order of image digest, one is left
            out to measure on; 0 trains on all.
        batch_size: Images a step.
        augmentation: How training images vary.
        schedule: Epochs and learning rate.
    """

    dataset: str
    architecture: Architecture
    pretrained: Pretrained
    held_back_every: int
    batch_size: int
    augmentation: PartAugmentation
    schedule: Schedule


class DetectionBatch(TypedDict):
    """One training batch.

    Attributes:
        images: `(B, 3, S, S)` uint8, RGB.
        boxes: For each image `(M, 4)` float32, xyxy in pixels of the input.
        labels: For each image `(M,)` int64, from 1; 0 is background.
    """

    images: Tensor
    boxes: list[Tensor]
    labels: list[Tensor]


def training_rows(store: ImageStore, held_back_every: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the annotated rows of `train` and `extra` into those trained on and those held back.

    Every `held_back_every`-th distinct image, by order of image digest, is held back, with all its copies.

    Args:
        store: The images.
        held_back_every: 0 holds nothing back; 1 would leave nothing to train on.

    Returns:
        Rows to train on and rows held back, each rising.

    Raises:
        ValueError: Nothing is left to train on.
    """
    rows = store.rows("train", "extra")
    rows = rows[store.annotated[rows]]
    digests = store.image_digests[rows]
    held = np.unique(digests)[held_back_every - 1 :: held_back_every] if held_back_every else digests[:0]
    is_held = np.isin(digests, held)
    if is_held.all():
        raise ValueError(
            f"{store.path}: no annotated image of the splits train and extra is left to train the detector on "
            f"({len(rows)} annotated, held_back_every {held_back_every})"
        )
    return rows[~is_held], rows[is_held]


def train(
    store: ImageStore, training: DetectorTraining, runtime: Runtime, fabric: Fabric, scratch: Path | None
) -> tuple[SSD, list[dict[str, float]], dict[str, Any]]:
    """Train a detector from part boxes.

    Args:
        store: Images with annotated parts; only the splits `train` and `extra` are read.
        training: The parameters.
        runtime: Gives the seed and the loader processes.
        fabric: Places network and batches; started from `runtime`.
        scratch: Folder for checkpoints, see `fit`.

    Returns:
        The detector in evaluation mode; one row an epoch (losses ``bbox_regression`` and ``classification``);
        and the metadata its weights are saved with.
    """
    rows, held_back = training_rows(store, training.held_back_every)
    detector = build_detector(training.architecture, training.pretrained).to(memory_format=torch.channels_last)
    samples = _Samples(store, training.augmentation, input_size(detector), runtime.seed)

    def batches(epoch: int) -> Batches[DetectionBatch]:
        order = generator_of(runtime.seed, epoch).permutation(rows)
        loader = batches_of(order, samples.of_epoch(epoch), training.batch_size, runtime, collate)
        return cast(Batches[DetectionBatch], loader)

    history = fit(detector, detection_losses, batches, training.schedule, fabric, scratch=scratch)
    metadata = {
        "architecture": asdict(training.architecture),
        "classes": list(PART_CLASSES),
        "held_back": store.paths[held_back].tolist(),
        "table": store.digest,
        "trained_images": sorted({digest[:_DIGEST_LENGTH] for digest in store.image_digests[rows].tolist()}),
    }
    return detector, history, metadata


class _Samples:
    """Loads augmented samples: a picklable function of (seed, epoch, row)."""

    def __init__(self, store: ImageStore, augmentation: PartAugmentation, size: int, seed: int, epoch: int = 0) -> None:
        self._arguments = (store, augmentation, size, seed)
        self._epoch = epoch

    def of_epoch(self, epoch: int) -> "_Samples":
        return _Samples(*self._arguments, epoch)

    def __call__(self, row: int) -> tuple[NDArray[np.uint8], PartBoxes]:
        store, augmentation, size, seed = self._arguments
        parts = store.parts(row)
        assert parts is not None  # training rows are annotated
        return augment(store.image(row), parts, size, augmentation, generator_of(seed, self._epoch, row))


def collate(samples: list[tuple[NDArray[np.uint8], PartBoxes]]) -> DetectionBatch:
    """Stack samples `(S, S, 3)` and bring their boxes to the input's pixels and torchvision's labels."""
    images = to_batch([image for image, _ in samples])
    size = images.shape[-1]
    return {
        "images": images,
        "boxes": [torch.from_numpy(parts.boxes * size) for _, parts in samples],
        "labels": [torch.from_numpy(parts.labels.astype(np.int64) + 1) for _, parts in samples],
    }


def detection_losses(detector: nn.Module, batch: DetectionBatch) -> dict[str, Tensor]:
    """SSD's two losses, summed over matched and mined default boxes and divided by the matched (SSD §2.2)."""
    images = list((batch["images"].float() / 255).unbind())
    targets = [
        {"boxes": boxes, "labels": labels} for boxes, labels in zip(batch["boxes"], batch["labels"], strict=True)
    ]
    return dict(detector(images, targets))
