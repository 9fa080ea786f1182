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


def path_of_file(name: str, images: str | None) -> str:
    """What an annotation calls an image, relative to the data set's folder.

    Args:
        name: As the annotation writes it, with slashes or Windows' backslashes.
        images: As `prepare.parts.images`.
    """
    return str(PurePosixPath(images or ".", with_slashes(name)))


def with_slashes(name: str) -> str:
    """A path with Windows' backslashes turned into slashes."""
    return name.replace("\\", "/")
