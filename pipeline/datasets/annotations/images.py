"""Annotated parts of an image, whatever file they come from."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AnnotatedImage:
    """Part boxes of one image as annotated.

    Attributes:
        size: Height and width, pixels, by the annotation.
        boxes: `(M, 4)` float64, xyxy in pixels from the upper left corner of the upper left pixel.
        categories: M category names.
    """

    size: tuple[int, int]
    boxes: NDArray[np.float64]
    categories: list[str]


def image_key(path: str, images: str | None) -> str:
    """What identifies an annotated image: its path in the data set, or its file name where `images` is None."""
    return PurePosixPath(path).name if images is None else path


def key_of_file(name: str, images: str | None) -> str:
    """`image_key` of an image that an annotation names `name`, relative to the folder `images`."""
    return image_key(str(PurePosixPath(images or ".", name)), images)
