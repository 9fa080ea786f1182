"""Random changes of a re-ID training sample that keep image, part boxes and view masks in step."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt

from pipeline.store.boxes import flip_boxes
from pipeline.store.params import Share, parameters
from pipeline.training.augmentation import erase, flip, jitter_colour


class Sample(NamedTuple):
    """One image with its parts and views.

    Attributes:
        image: `(S, S, 3)` uint8, RGB.
        boxes: `(M, 4)` float32, xyxy in [0, 1]; M may be 0.
        masks: `(3, T, T)` uint8, order `VIEWS`; T may be 0.
        area_ratios: `(4,)` float32 in [0, 1], global first.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    masks: NDArray[np.uint8]
    area_ratios: NDArray[np.float32]


@parameters
class ReidAugmentationParams:
    """Random changes of training samples."""

    flip_probability: Share
    """Chance of mirroring; boxes and masks are mirrored too, front and rear never trade places."""
    erase_probability: Share
    """Chance of random erasing; boxes and masks stay as they are."""
    crop_padding: NonNegativeInt
    """Greatest random shift up, down, left and right, pixels; neither paper shifts."""
    colour_jitter: Share
    """Brightness, contrast and saturation vary by this share; neither paper jitters."""


def augment(sample: Sample, params: ReidAugmentationParams, generator: np.random.Generator) -> Sample:
    """Change one sample at random: mirror, shift, jitter colours, erase (PGAN §4.2 has the first and the last).

    Area ratios keep their value: neither erasing nor a shift of a few pixels is meant to change what is compared.
    """
    if generator.random() < params.flip_probability:
        sample = _mirrored(sample)
    if params.crop_padding:
        right, down = generator.integers(-params.crop_padding, params.crop_padding + 1, 2).tolist()
        sample = shifted(sample, right, down)
    image = jitter_colour(sample.image, params.colour_jitter, generator)
    if generator.random() < params.erase_probability:
        image = erase(image, generator)
    return sample._replace(image=image)


def shifted(sample: Sample, right: int, down: int) -> Sample:
    """Move a sample's content; what enters the image repeats its border, what enters the masks is empty.

    Args:
        sample: What to move.
        right: Pixels to the right.
        down: Pixels downwards.
    """
    size = sample.image.shape[0]
    image = _translated(sample.image, right, down, cv2.BORDER_REPLICATE)
    offset = np.array([right, down, right, down], np.float32) / size
    masks = sample.masks
    if masks.size:
        scale = masks.shape[-1] / size
        layers = [_translated(mask, right * scale, down * scale, cv2.BORDER_CONSTANT) for mask in masks]
        masks = np.stack(layers)
    return Sample(image, np.clip(sample.boxes + offset, 0, 1).astype(np.float32), masks, sample.area_ratios)


def _mirrored(sample: Sample) -> Sample:
    masks = np.ascontiguousarray(sample.masks[..., ::-1])
    return Sample(flip(sample.image), flip_boxes(sample.boxes), masks, sample.area_ratios)


def _translated(array: NDArray[np.uint8], right: float, down: float, border: int) -> NDArray[np.uint8]:
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    moved = cv2.warpAffine(array, matrix, array.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(moved, np.uint8)
