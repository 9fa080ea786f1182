"""From light to a file: haze, exposure, colour, blur, loss of resolution, noise, JPEG."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import blur, cos, exp, power, sin
from pipeline.synthetic.cameras import Camera
from pipeline.synthetic.mesh import Floats

Bytes = NDArray[np.uint8]

HAZE_CHANCE, SHAKE_CHANCE, COARSE_CHANCE, GREY_CHANCE = 0.10, 0.10, 0.2, 0.03
"""Shares of pictures that are hazy, blurred by motion, of lower resolution than their size, and without colour."""

GREY: Floats = np.array([0.25, 0.65, 0.10], np.float32)
"""Weights of red, green and blue in a picture's brightness."""

CURVE_STEPS = 8192
"""Steps of the tone curve's table."""

FINENESS, OFFSET = 128, 128
"""Steps of the integers that stand for one of 255 tones, and tones below black that they reach; as many above white."""


def develop(light: Floats, camera: Camera, rng: np.random.Generator) -> Bytes:
    """Turn linear light `(H, W, 3)` RGB into the camera's picture, `(H, W, 3)` uint8 BGR.

    Each camera has its own exposure, contrast, colour cast, blur and noise, around which its pictures vary.
    """
    if rng.random() < HAZE_CHANCE:
        share = np.float32(rng.uniform(0.03, 0.25))
        light = light * (1 - share) + share * np.float32(rng.uniform(0.5, 1.0))
    gain = camera.exposure * float(exp(rng.normal(0, 0.2)))
    # an automatic exposure lifts dark scenes and tames bright ones, half the way
    gain *= float(np.clip(np.sqrt(0.35 / (np.percentile(light[::4, ::4], 85) + 1e-3)), 0.7, 2.5))
    exposed = light * (gain * np.array(camera.cast, np.float32) * exp(rng.normal(0, 0.04, 3)).astype(np.float32))
    toned = np.asarray(exposed * (1 + exposed * 0.25) / (1 + exposed * 0.45), np.float32)
    picture = _curve(toned, camera.contrast * float(exp(rng.normal(0, 0.12))))
    vivid = 0.0 if rng.random() < GREY_CHANCE else float(rng.uniform(0.7, 1.35))
    red, green, blue = np.split(picture * GREY, 3, axis=2)
    brightness = red + green + blue
    picture = brightness + np.float32(vivid) * (picture - brightness)
    blurred = _blur(picture, camera.blur * float(rng.uniform(0.5, 1.4)), rng)
    noise = _noise(picture.shape[:2], rng)[..., None]
    grainy = blurred + np.float32(camera.noise * rng.uniform(0.5, 2.0)) * noise
    return np.asarray(np.clip(grainy[..., ::-1], 0, 255), np.uint8)


def _curve(toned: Floats, contrast: float) -> Floats:
    """Light -> brightness from 0 to 255, by a table over its square root, which is even enough for dark tones."""
    table = 255 * power(np.arange(CURVE_STEPS + 1) / CURVE_STEPS, 2 * contrast / 2.2)
    steps = np.round(np.sqrt(np.clip(toned, 0, 1)) * CURVE_STEPS).astype(np.int32)
    return np.asarray(table.astype(np.float32)[steps], np.float32)


def _blur(picture: Floats, deviation: float, rng: np.random.Generator) -> Floats:
    """Blur of the lens, and sometimes of motion and of a coarser sensor.

    In integers of 16 bits, which OpenCV also resizes exactly.
    """
    steps = np.round(np.clip((picture + OFFSET) * FINENESS, 0, 65535)).astype(np.uint16)
    blurred = blur(steps, max(deviation, 0.2))
    if rng.random() < SHAKE_CHANCE:
        length, turn = float(rng.uniform(2, 5)), float(rng.normal(0, 0.3))
        kernel = np.zeros((7, 7), np.float32)
        for step in np.linspace(-length / 2, length / 2, 15):
            kernel[3 + round(step * float(sin(turn))), 3 + round(step * float(cos(turn)))] += 1
        # sums of so many integers are below 2**24 and therefore exact
        blurred = np.round(cv2.filter2D(blurred, cv2.CV_32F, kernel) / kernel.sum()).astype(np.uint16)
    if rng.random() < COARSE_CHANCE:
        height, width = picture.shape[:2]
        share = float(rng.uniform(0.5, 0.85))
        for size in ((round(share * width), round(share * height)), (width, height)):
            blurred = np.asarray(cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR_EXACT), np.uint16)
    return np.asarray(blurred / np.float32(FINENESS) - np.float32(OFFSET), np.float32)


def _noise(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Nearly normal noise of mean 0 and deviation 1: sums of eight random bytes a pixel."""
    total = rng.integers(0, 256, (*shape, 8), np.uint8).sum(-1, dtype=np.int32)
    return np.asarray((total - 8 * 127.5) / np.sqrt(8 * (256**2 - 1) / 12), np.float32)


def encode(picture: Bytes, quality: int) -> bytes:
    """A picture as JPEG."""
    is_done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_done:
        raise RuntimeError(f"cannot encode a picture of shape {picture.shape}")
    return data.tobytes()
