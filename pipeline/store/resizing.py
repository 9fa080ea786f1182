"""Resizing of images and masks, one way for all."""

import cv2
import numpy as np
from numpy.typing import NDArray


def resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize an image or a mask to `(height, width)`, by area when it shrinks and linearly when it grows.

    Args:
        image: `(H, W)` or `(H, W, C)` uint8.
        height: Target height, pixels.
        width: Target width, pixels.
    """
    if image.shape[:2] == (height, width):
        return image
    shrinks = image.shape[0] * image.shape[1] > height * width
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8).reshape(height, width, *image.shape[2:])  # OpenCV drops a last axis of 1
