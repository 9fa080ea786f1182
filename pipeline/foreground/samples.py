"""Training samples of the foreground network: usable seeds, and how image and seed vary together."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveFloat
from torch import Tensor

from pipeline.networks.runtime import generator_of
from pipeline.networks.tensors import to_batch
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.params import Share, parameters
from pipeline.store.resizing import resize
from pipeline.training.augmentation import flip, jitter_colour


@parameters
class ForegroundAugmentationParams:
    """Random changes of a training image and its seed mask."""

    flip_probability: Share
    """Chance of mirroring left to right."""
    zoom: tuple[PositiveFloat, PositiveFloat]
    """Least and greatest enlargement; below 1 the border is repeated around the image. It breaks the habit that borders
    are background."""
    shift: Share
    """Greatest movement, share of the side."""
    colour_jitter: Share
    """Brightness, contrast and saturation vary by this share."""


class ForegroundBatch(NamedTuple):
    """One step's samples.

    Attributes:
        images: `(B, 3, S, S)` uint8.
        targets: `(B, s, s)` uint8, 0 to 255.
        positions: `(B,)` int64, place of each sample among the training rows.
    """

    images: Tensor
    targets: Tensor
    positions: Tensor


def training_rows(store: ImageStore, seeds: hdf5.Cache) -> NDArray[np.int64]:
    """Rows of `train` and `extra` whose seed has not failed, rising.

    Raises:
        ValueError: There is none.
    """
    rows = store.rows("train", "extra")
    failed: NDArray[np.bool_] = seeds["failed"][()]
    kept = rows[~failed[rows]]
    if not len(kept):
        raise ValueError(f"{seeds.path}: none of the {len(rows)} seeds of the splits train and extra is usable")
    return kept


def augment(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    params: ForegroundAugmentationParams,
    generator: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Change a square image and its square mask alike at random.

    Args:
        image: `(S, S, 3)` uint8, RGB.
        mask: `(T, T)` uint8; outside of it there is background.
        params: Extent of the changes.
        generator: Source of the changes.
    """
    if generator.random() < params.flip_probability:
        image, mask = flip(image), flip(mask)
    zoom = float(generator.uniform(*params.zoom))
    right, down = generator.uniform(-params.shift, params.shift, 2).tolist()
    moved = _moved(image, zoom, right, down, cv2.BORDER_REPLICATE), _moved(mask, zoom, right, down, cv2.BORDER_CONSTANT)
    return jitter_colour(moved[0], params.colour_jitter, generator), moved[1]


def _moved(square: NDArray[np.uint8], zoom: float, right: float, down: float, border: int) -> NDArray[np.uint8]:
    """Enlarge about the centre, then move by shares of the side."""
    size = len(square)
    offset = (1 - zoom) * (size - 1) / 2
    matrix = np.array([[zoom, 0, offset + right * size], [0, zoom, offset + down * size]], np.float32)
    return np.asarray(cv2.warpAffine(square, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


Sample = tuple[NDArray[np.uint8], NDArray[np.uint8], int]


@dataclass(frozen=True)
class SeedLoader:
    """Loads training samples by position among the rows trained on, see `pipeline.training.samples.SampleLoader`.

    Attributes:
        store: The images.
        seeds: Their seed masks.
        rows: `(M,)` rows trained on.
        input_size: Side of the images, pixels.
        mask_size: Side of the masks, pixels.
        augmentation: Random changes.
        seed: Of the changes.
        epoch: Likewise.
    """

    store: ImageStore
    seeds: hdf5.Cache
    rows: NDArray[np.int64]
    input_size: int
    mask_size: int
    augmentation: ForegroundAugmentationParams
    seed: int
    epoch: int = 0

    def __call__(self, position: int) -> Sample:
        """Image `(S, S, 3)` uint8, mask `(s, s)` uint8 and the position again."""
        row = int(self.rows[position])
        image = resize(self.store.image(row), self.input_size, self.input_size)
        generator = generator_of(self.seed, self.epoch, row)
        image, mask = augment(image, self.seeds["masks"][row], self.augmentation, generator)
        return image, resize(mask, self.mask_size, self.mask_size), position


def collate(samples: list[Sample]) -> ForegroundBatch:
    """Stack samples."""
    images, masks, positions = zip(*samples, strict=True)
    return ForegroundBatch(to_batch(list(images)), torch.from_numpy(np.stack(masks)), torch.tensor(positions))
