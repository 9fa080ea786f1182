"""Decoding of image files, and the checks an image must pass before the pipeline uses it."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps


class BadImageError(ValueError):
    """An image that cannot be used; the message says why."""


def decode(encoded: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Decode any image OpenCV reads to upright RGB.

    EXIF orientation is applied, grey is repeated over three channels and 16-bit is scaled to 8-bit. Transparency of
    PNG and WebP is laid over white; that of other formats is ignored.

    Args:
        encoded: The file's bytes.

    Returns:
        `(H, W, 3)` uint8, RGB.

    Raises:
        BadImageError: OpenCV cannot decode the bytes.
    """
    buffer = np.frombuffer(encoded, np.uint8)
    image = _read(buffer, cv2.IMREAD_COLOR)
    if image is None:
        raise BadImageError("not an image OpenCV can decode (damaged or of an unknown format)")
    upright = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    return _over_white(upright, bytes(buffer)) if _may_have_alpha(buffer) else upright


def _read(buffer: NDArray[np.uint8], flags: int) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(buffer, flags) if buffer.size else None
    except cv2.error:  # OpenCV's own limits of size, and some damaged files
        return None


def _may_have_alpha(buffer: NDArray[np.uint8]) -> bool:
    start = buffer[:12].tobytes()
    return start.startswith(b"\x89PNG") or start[8:12] == b"WEBP"


def _over_white(image: NDArray[np.uint8], encoded: bytes) -> NDArray[np.uint8]:
    """Lay an upright image, decoded without its transparency, over white."""
    try:
        with Image.open(io.BytesIO(encoded)) as stored:
            if not stored.has_transparency_data:
                return image
            alpha = np.asarray(ImageOps.exif_transpose(stored.convert("RGBA")).getchannel("A"))
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise BadImageError(f"its transparency cannot be read ({error})") from error
    share = alpha[..., None].astype(np.float32) / 255
    return np.asarray(np.rint(image * share + 255 * (1 - share)), np.uint8)


def decode_labels(encoded: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Decode a label map, stored as a grey PNG: `(H, W)` uint8.

    Raises:
        BadImageError: It is no 8-bit grey image.
    """
    labels = _read(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
        raise BadImageError("expected a label map, an 8-bit grey PNG")
    return np.asarray(labels, np.uint8)
