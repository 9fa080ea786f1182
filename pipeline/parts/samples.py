"""Training samples of the part detector: annotated images, augmented, and their batches."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.networks.runtime import generator_of
from pipeline.networks.tensors import to_batch
from pipeline.parts.augmentation import PartAugmentationParams, augment
from pipeline.store.boxes import PartBoxes
from pipeline.store.images import ImageStore

Sample = tuple[NDArray[np.uint8], PartBoxes]


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
        ValueError: Nothing is left to train on, or none of it has a box.
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
    trained = rows[~is_held]
    if not any(len(parts.boxes) for row in trained if (parts := store.parts(int(row))) is not None):
        raise ValueError(
            f"{store.path}: none of the {len(trained)} annotated images of the splits train and extra has a part box, "
            "so that the detector could only learn that there are none; export the boxes too (prepare.parts)"
        )
    return trained, rows[is_held]


@dataclass(frozen=True)
class PartLoader:
    """Loads training samples, see `pipeline.training.samples.SampleLoader`.

    Attributes:
        store: The images, annotated.
        input_size: Side of the images, pixels.
        augmentation: Random changes.
        seed: Of the changes.
        epoch: Likewise.
    """

    store: ImageStore
    input_size: int
    augmentation: PartAugmentationParams
    seed: int
    epoch: int = 0

    def __call__(self, row: int) -> Sample:
        """Image `(S, S, 3)` uint8 and its parts in [0, 1]."""
        parts = self.store.parts(row)
        assert parts is not None, f"row {row} was chosen for its annotation"
        generator = generator_of(self.seed, self.epoch, row)
        return augment(self.store.image(row), parts, self.input_size, self.augmentation, generator)


def collate(samples: list[Sample]) -> DetectionBatch:
    """Stack samples `(S, S, 3)` and bring their boxes to the input's pixels and torchvision's labels."""
    images = to_batch([image for image, _ in samples])
    size = images.shape[-1]
    return {
        "images": images,
        "boxes": [torch.from_numpy(parts.boxes * size) for _, parts in samples],
        "labels": [torch.from_numpy(parts.labels.astype(np.int64) + 1) for _, parts in samples],
    }
