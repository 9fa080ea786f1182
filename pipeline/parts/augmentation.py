"""Training samples of the part detector: SSD's augmentation, made to keep small parts."""

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveFloat

from pipeline.networks.tensors import IMAGENET_MEAN
from pipeline.store.boxes import PartBoxes, clip_boxes, flip_boxes
from pipeline.store.params import Share, parameters
from pipeline.store.resizing import resize
from pipeline.training.augmentation import flip, jitter_colour

_WINDOW_TRIES = 20


@parameters
class PartAugmentationParams:
    """How training images of the detector vary (SSD §2.2 and §3.6; PGAN is silent)."""

    window: Share
    """Probability that an image is cropped or zoomed out at all (SSD: 6 of 7 crop, and half zoom out before)."""
    scale: tuple[PositiveFloat, PositiveFloat]
    """Least and greatest side of the window, as a share of the image's; above 1 zooms out. SSD crops to 0.1 and zooms
    out to 4: small parts vanish."""
    aspect: PositiveFloat
    """Greatest ratio by which a window's width and height differ from the image's."""
    flip_probability: Share
    """Chance of mirroring left to right."""
    colour_jitter: Share
    """Brightness, contrast and saturation vary by this share."""
    hue: NonNegativeFloat
    """Greatest shift of hue, degrees."""
    blur: NonNegativeFloat
    """Greatest deviation of a Gaussian blur, pixels of the input; not in SSD."""
    noise: NonNegativeFloat
    """Greatest deviation of Gaussian pixel noise, grey levels of 255; not in SSD."""


def augment(
    image: NDArray[np.uint8],
    parts: PartBoxes,
    size: int,
    params: PartAugmentationParams,
    generator: np.random.Generator,
) -> tuple[NDArray[np.uint8], PartBoxes]:
    """Return one training sample: a window of the image, perhaps mirrored, with other colours.

    A part is kept when the window holds its centre, and clipped to the window. The window holds at least one
    part's centre. SSD instead draws windows by their IoU with an object; parts are far smaller than any window,
    so that their IoU with one is near 0 and says nothing.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        parts: Its parts.
        size: Side of the sample, pixels.
        params: What may vary, and how much.
        generator: Source of every draw.

    Returns:
        `(size, size, 3)` uint8, and its parts in [0, 1] of the window.
    """
    if generator.random() < params.window:
        window = _draw_window(parts.boxes, params, generator)
        image, parts = cut(image, window), parts_within(parts, window)
    sample = resize(image, size, size)
    if generator.random() < params.flip_probability:
        sample, parts = flip(sample), PartBoxes(flip_boxes(parts.boxes), parts.labels)
    return distort(sample, params, generator), parts


def _draw_window(
    boxes: NDArray[np.float32], params: PartAugmentationParams, generator: np.random.Generator
) -> NDArray[np.float64]:
    for _ in range(_WINDOW_TRIES):
        side = np.exp(generator.uniform(*np.log(params.scale)))
        stretch = np.exp(generator.uniform(-0.5, 0.5) * np.log(params.aspect))
        extent = np.array([side * stretch, side / stretch])
        corner = generator.uniform(np.minimum(0, 1 - extent), np.maximum(0, 1 - extent))
        window = np.concatenate([corner, corner + extent])
        if len(boxes) == 0 or centre_within(boxes, window).any():
            return window
    return np.array([0.0, 0.0, 1.0, 1.0])


def centre_within(boxes: NDArray[np.float32], window: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a window, xyxy, holds the centre of each box `(M, 4)`: `(M,)` bool."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.asarray(np.all((centres > window[:2]) & (centres < window[2:]), axis=1))


def parts_within(parts: PartBoxes, window: NDArray[np.float64]) -> PartBoxes:
    """Return the parts whose centre lies in a window, clipped to it.

    Args:
        parts: Parts of the whole image.
        window: `(4,)` xyxy in units of the image's width and height; may reach outside [0, 1].

    Returns:
        Parts in [0, 1] of the window.
    """
    kept = centre_within(parts.boxes, window)
    corner, extent = np.tile(window[:2], 2), np.tile(window[2:] - window[:2], 2)
    boxes = ((parts.boxes[kept] - corner) / extent).astype(np.float32)
    return PartBoxes(clip_boxes(boxes), parts.labels[kept])


def cut(image: NDArray[np.uint8], window: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cut a window out of an image; outside the image lies ImageNet's mean colour.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        window: `(4,)` xyxy in units of the image's width and height; may reach outside [0, 1].
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = np.rint(window * [width, height, width, height]).astype(int)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    inside = image[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    margins = (max(-y1, 0), max(y2 - height, 0), max(-x1, 0), max(x2 - width, 0))
    if not any(margins):
        return inside
    filled = cv2.copyMakeBorder(
        inside, *margins, cv2.BORDER_CONSTANT, value=tuple(float(round(255 * mean)) for mean in IMAGENET_MEAN)
    )
    return np.asarray(filled, np.uint8)


def distort(
    image: NDArray[np.uint8], params: PartAugmentationParams, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Vary brightness, contrast, saturation, hue, sharpness and noise of `(H, W, 3)` uint8 RGB (SSD §2.2)."""
    pixels = jitter_colour(image, params.colour_jitter, generator)
    degrees, sigma, deviation = generator.uniform((-params.hue, 0, 0), (params.hue, 1, 1))
    if params.hue:
        hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)  # hue in steps of 2 degrees
        hsv[..., 0] = (hsv[..., 0].astype(int) + round(degrees / 2)) % 180
        pixels = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)
    if sigma * params.blur > 0.3:  # below, the kernel is a single pixel
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma * params.blur), np.uint8)
    if params.noise:
        noise = generator.standard_normal(pixels.shape, np.float32) * np.float32(deviation * params.noise)
        pixels = np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)
    return pixels
