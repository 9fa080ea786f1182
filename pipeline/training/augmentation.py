"""Random changes of images that several trainings share."""

import numpy as np
from numpy.typing import NDArray

from pipeline.networks.tensors import IMAGENET_MEAN

ERASED_AREA = (0.02, 0.4)
"""Least and greatest share of an image that random erasing covers."""

LEAST_ASPECT = 0.3
"""Least ratio of the erased rectangle's height to its width; the greatest is its inverse."""


def flip(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mirror an image or masks left to right along the second axis, `(H, W, ...)`."""
    return np.ascontiguousarray(array[:, ::-1])


def erase(image: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Random erasing: fill one rectangle with ImageNet's mean colour (Zhong et al. 2017; PGAN §4.2).

    Its area and the ratio of its sides are drawn evenly, as there, so most rectangles are taller than wide.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        generator: Source of the rectangle.
    """
    height, width = image.shape[:2]
    for _ in range(100):
        target = generator.uniform(*ERASED_AREA) * height * width
        ratio = generator.uniform(LEAST_ASPECT, 1 / LEAST_ASPECT)
        h, w = round(np.sqrt(target * ratio)), round(np.sqrt(target / ratio))
        if 0 < h < height and 0 < w < width:
            top, left = int(generator.integers(height - h + 1)), int(generator.integers(width - w + 1))
            erased = image.copy()
            erased[top : top + h, left : left + w] = np.rint(np.multiply(IMAGENET_MEAN, 255))
            return erased
    return image


def jitter_colour(image: NDArray[np.uint8], strength: float, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Scale brightness, contrast and saturation, each by a factor drawn from [1 - strength, 1 + strength].

    Args:
        image: `(H, W, 3)` uint8, RGB.
        strength: In [0, 1]; 0 returns the image as it is.
        generator: Source of the factors.
    """
    if strength == 0:
        return image
    brightness, contrast, saturation = generator.uniform(1 - strength, 1 + strength, 3)
    pixels = image.astype(np.float32) * brightness
    pixels = (pixels - pixels.mean()) * contrast + pixels.mean()
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    pixels = (pixels - grey[..., None]) * saturation + grey[..., None]
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)
