"""Training samples of SPAN: a choice of images balanced by their labels, and how they vary."""

from dataclasses import dataclass
from typing import TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.networks.runtime import generator_of
from pipeline.networks.tensors import to_batch
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.params import Share, parameters
from pipeline.store.resizing import resize
from pipeline.training.augmentation import jitter_colour
from pipeline.views.labels import ImageLabels

SQUEEZE = (0.4, 0.8)
"""Least and greatest width of a slanted image, as a share of its own (release: 0.41 to 0.47)."""

SLANT = 25.0
"""Greatest angle by which it is rotated, degrees (release: 30 to 45, about a point beside the centre)."""


@parameters
class SpanAugmentationParams:
    """How training images vary."""

    flip_probability: Share
    """Chance of mirroring left to right (release: 0.5)."""
    slanted: dict[str, Share]
    """Label -> probability that an image that carries it alone is squeezed and rotated, so that its generator meets
    slanted ones too (release: ``{side: 0.5}``, and further than here; the paper does not mention it: ``{}``)."""
    colour_jitter: Share
    """Brightness, contrast and saturation vary by this share."""
    zoom: Share
    """Size varies by this share, place by half of it."""


class SpanBatch(TypedDict):
    """One training batch.

    Attributes:
        images: `(B, 3, S, S)` uint8, RGB.
        foreground: `(B, s, s)` float32, 0 or 1.
        label_sets: `(B,)` int64, index into the labels' `sets`.
    """

    images: Tensor
    foreground: Tensor
    label_sets: Tensor


Sample = tuple[NDArray[np.uint8], NDArray[np.bool_], int]


def training_rows(
    store: ImageStore, labels: ImageLabels, images_per_label_set: int | None, seed: int
) -> NDArray[np.int64]:
    """Choose the images to train on: splits `train` and `extra`, labelled, each distinct image once (SPAN §4.2).

    Args:
        store: The images.
        labels: Their labels.
        images_per_label_set: Images drawn of each set of labels, all where there are fewer; None takes all of all.
        seed: Seed of the draw.

    Returns:
        Rows, rising.

    Raises:
        ValueError: No image of these splits is labelled, or the labels are those of another number of images.
    """
    if len(labels.codes) != len(store):
        raise ValueError(f"{store.path}: expected labels of {len(store)} images, got those of {len(labels.codes)}")
    rows = store.rows("train", "extra")
    rows = rows[labels.codes[rows] >= 0]
    if not len(rows):
        raise ValueError(
            f"{store.path}: no image of the splits train and extra has a label ({', '.join(labels.names)}) "
            "to train SPAN on"
        )
    rows = rows[np.sort(np.unique(store.image_digests[rows], return_index=True)[1])]
    generator = generator_of(seed)
    drawn = [generator.permutation(rows[labels.codes[rows] == code]) for code in range(len(labels.sets))]
    return np.sort(np.concatenate([group[:images_per_label_set] for group in drawn]))


@dataclass(frozen=True)
class SpanLoader:
    """Loads training samples, see `pipeline.training.samples.SampleLoader`.

    Attributes:
        store: The images.
        labels: Their labels.
        foreground: Their foreground masks.
        input_size: Side of the images, pixels.
        mask_size: Side of the foreground masks, pixels.
        augmentation: Random changes.
        seed: Of the changes.
        epoch: Likewise.
    """

    store: ImageStore
    labels: ImageLabels
    foreground: hdf5.Cache
    input_size: int
    mask_size: int
    augmentation: SpanAugmentationParams
    seed: int
    epoch: int = 0

    def __call__(self, row: int) -> Sample:
        """Image `(S, S, 3)` uint8, foreground `(s, s)` bool and set of labels of one row."""
        code = int(self.labels.codes[row])
        image = resize(self.store.image(row), self.input_size, self.input_size)
        mask = resize(self.foreground["masks"][row], self.input_size, self.input_size)
        generator = generator_of(self.seed, self.epoch, row)
        carried = [name for name, present in zip(self.labels.names, self.labels.sets[code], strict=True) if present]
        slanted = self.augmentation.slanted.get(carried[0], 0.0) if len(carried) == 1 else 0.0
        image, mask = augment(image, mask, slanted, self.augmentation, generator)
        return image, resize(mask, self.mask_size, self.mask_size) >= 128, code


def augment(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    slanted: float,
    params: SpanAugmentationParams,
    generator: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Vary an image and its foreground together.

    Args:
        image: `(S, S, 3)` uint8, RGB.
        mask: `(S, S)` uint8.
        slanted: Probability that they are squeezed and rotated.
        params: How.
        generator: Source of all draws.

    Returns:
        Both, of the same shapes; beyond the border the image is repeated and the mask is 0.
    """
    flips, slants = generator.random() < params.flip_probability, generator.random() < slanted
    scale = 1 + generator.uniform(-params.zoom, params.zoom, 2)
    shift = generator.uniform(-params.zoom, params.zoom, 2) / 2
    squeeze, angle = generator.uniform(*SQUEEZE), generator.uniform(-SLANT, SLANT)
    if slants:
        matrix = _about_centre(np.array([squeeze, 1.0]) * scale, angle, shift, len(mask))
    else:
        matrix = _about_centre(scale, 0.0, shift, len(mask))
    if flips:
        matrix = matrix @ np.array([[-1, 0, len(mask) - 1], [0, 1, 0], [0, 0, 1]], np.float64)
    size = (len(mask), len(mask))
    varied = cv2.warpAffine(image, matrix[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved = cv2.warpAffine(mask, matrix[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    coloured = jitter_colour(np.asarray(varied, np.uint8), params.colour_jitter, generator)
    return coloured, np.asarray(moved, np.uint8)


def _about_centre(
    scale: NDArray[np.float64], angle: float, shift: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Matrix `(3, 3)` that scales, then rotates by `angle` degrees about the centre, then shifts by shares."""
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag(scale)
    centre = np.full(2, (size - 1) / 2)
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, centre - linear @ centre + shift * size
    return matrix


def collate(samples: list[Sample]) -> SpanBatch:
    """Stack samples."""
    return {
        "images": to_batch([image for image, _, _ in samples]),
        "foreground": torch.from_numpy(np.stack([mask for _, mask, _ in samples]).astype(np.float32)),
        "label_sets": torch.tensor([code for _, _, code in samples]),
    }
