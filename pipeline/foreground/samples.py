"""Training samples of the foreground network: usable seeds, and how image and seed vary together."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.networks.tensors import to_batch
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.training.augmentation import flip, jitter_colour


@dataclass(frozen=True)
class ForegroundAugmentation:
    """Random changes of a training image and its seed mask.

    Attributes:
        flip_probability: Chance of mirroring left to right.
        zoom: Least and greatest enlargement; below 1 the border is repeated around the image.
        shift: Greatest movement, share of the side.
        colour_jitter: Brightness, contrast and saturation vary by this share.
    """

    flip_probability: float
    zoom: tuple[float, float]
    shift: float
    colour_jitter: float


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


def augmented(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], generator: np.random.Generator, values: ForegroundAugmentation
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Change a square image and its square mask alike at random.

    Args:
        image: `(S, S, 3)` uint8, RGB.
        mask: `(T, T)` uint8; outside of it there is background.
        generator: Source of the changes.
        values: Their extent.
    """
    if generator.random() < values.flip_probability:
        image, mask = flip(image), flip(mask)
    zoom = float(generator.uniform(*values.zoom))
    right, down = generator.uniform(-values.shift, values.shift, 2).tolist()
    moved = _moved(image, zoom, right, down, cv2.BORDER_REPLICATE), _moved(mask, zoom, right, down, cv2.BORDER_CONSTANT)
    return jitter_colour(moved[0], generator, values.colour_jitter), moved[1]


def _moved(square: NDArray[np.uint8], zoom: float, right: float, down: float, border: int) -> NDArray[np.uint8]:
    """Enlarge about the centre, then move by shares of the side."""
    size = len(square)
    offset = (1 - zoom) * (size - 1) / 2
    matrix = np.array([[zoom, 0, offset + right * size], [0, zoom, offset + down * size]], np.float32)
    return np.asarray(cv2.warpAffine(square, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


def _collate(samples: list[tuple[NDArray[np.uint8], NDArray[np.uint8], int]]) -> ForegroundBatch:
    images, masks, positions = zip(*samples, strict=True)
    return ForegroundBatch(to_batch(list(images)), torch.from_numpy(np.stack(masks)), torch.tensor(positions))
