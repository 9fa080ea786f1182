"""Random changes of a re-ID training sample that keep image, part boxes and view masks in step."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.parts import Detections
from pipeline.store.boxes import flip_boxes
from pipeline.store.params import Share, parameters
from pipeline.training.augmentation import erase, flip


class Sample(NamedTuple):
    """One image with its parts and views.

    Attributes:
        image: `(S, S, 3)` uint8, RGB.
        parts: M part boxes; M may be 0.
        masks: `(3, T, T)` uint8, order `VIEWS`; T may be 0.
        area_ratios: `(4,)` float32 in [0, 1], global first.
    """

    image: NDArray[np.uint8]
    parts: Detections
    masks: NDArray[np.uint8]
    area_ratios: NDArray[np.float32]


@parameters
class ReidAugmentationParams:
    """Random changes of training samples."""

    flip_probability: Share
    """Chance of mirroring; boxes and masks are mirrored too, front and rear never trade places."""
    erase_probability: Share
    """Chance of random erasing; boxes and masks stay as they are."""


def augment(sample: Sample, params: ReidAugmentationParams, generator: np.random.Generator) -> Sample:
    """Change one sample at random: mirror and erase (PGAN §4.2).

    Area ratios keep their value: erasing is not meant to change what is compared.
    """
    if generator.random() < params.flip_probability:
        sample = _mirrored(sample)
    if generator.random() < params.erase_probability:
        sample = sample._replace(image=erase(sample.image, generator))
    return sample


def _mirrored(sample: Sample) -> Sample:
    masks = np.ascontiguousarray(sample.masks[..., ::-1])
    parts = replace(sample.parts, boxes=flip_boxes(sample.parts.boxes))
    return Sample(flip(sample.image), parts, masks, sample.area_ratios)
