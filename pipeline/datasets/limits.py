"""What `prepare` accepts of an image file, and the check each file must pass."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import PositiveInt

from pipeline.store.decoding import BadImageError, decode
from pipeline.store.params import parameters

Links = Literal["inside", "anywhere"]

LARGEST_SIDE = 2**24
"""Pixels of a side above which an image's size, as an annotation gives it, is taken for a mistake."""


@parameters
class ImageLimitsParams:
    """What `prepare` accepts of an image."""

    max_pixels: PositiveInt
    """Images with more pixels are refused, before they are decoded where their format is known to Pillow (which itself
    refuses more than 179 million)."""
    min_side: PositiveInt
    """Pixels of the shorter side; smaller images are refused."""
    on_bad_image: Literal["stop", "skip"]
    """stop, or skip: list unusable images and leave them out."""
    links: Links = "inside"
    """Where image files that are links may lead: inside the data set's folder, or anywhere, as those of a DVC cache of
    type symlink do."""


def check_image(encoded: bytes, limits: ImageLimitsParams) -> NDArray[np.uint8]:
    """Decode one file fully: `(H, W, 3)` uint8, RGB, upright.

    Raises:
        BadImageError: Empty, damaged, too large or too small.
    """
    if not encoded:
        raise BadImageError("the file is empty")
    _check_pixels(_announced_pixels(encoded), limits)
    image = decode(encoded)
    height, width = image.shape[:2]
    _check_pixels(height * width, limits)
    if min(height, width) < limits.min_side:
        raise BadImageError(f"{width} x {height} pixels; each side needs {limits.min_side} (prepare.limits.min_side)")
    return image


def _check_pixels(pixels: int, limits: ImageLimitsParams) -> None:
    if pixels > limits.max_pixels:
        raise BadImageError(f"{pixels} pixels; at most {limits.max_pixels} are accepted (prepare.limits.max_pixels)")


def _announced_pixels(encoded: bytes) -> int:
    """Pixels by the file's own header, without decoding; 0 for formats Pillow does not know."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return image.width * image.height
    except Image.DecompressionBombError as error:
        raise BadImageError(str(error)) from error
    except Exception:  # Pillow raises many kinds on damaged files; OpenCV has the last word on them
        return 0
