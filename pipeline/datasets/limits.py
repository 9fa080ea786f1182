"""What `prepare` accepts of an image file, and the check each file must pass."""

import io
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from pipeline.store.decoding import BadImageError, decode


@dataclass(frozen=True)
class ImageLimits:
    """What `prepare` accepts of an image.

    Attributes:
        max_pixels: Images with more pixels are refused, before they are decoded where their format is known to Pillow
            (which itself refuses more than 179 million).
        min_side: Images with a shorter side, pixels, are refused.
        on_bad_image: Whether a refused image stops the stage or is listed and left out.
    """

    max_pixels: int
    min_side: int
    on_bad_image: Literal["stop", "skip"]


def check_image(encoded: bytes, limits: ImageLimits) -> tuple[int, int]:
    """Decode one file fully and return its upright `(height, width)` in pixels.

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
    return height, width


def _check_pixels(pixels: int, limits: ImageLimits) -> None:
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
