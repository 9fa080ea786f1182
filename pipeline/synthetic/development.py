"""From light to a file: haze, exposure, colour, blur, loss of resolution, noise, JPEG."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.cameras import Camera
from pipeline.synthetic.mesh import Floats

HAZE_CHANCE, SHAKE_CHANCE, COARSE_CHANCE, GREY_CHANCE = 0.10, 0.10, 0.2, 0.03
"""Shares of pictures that are hazy, blurred by motion, of lower resolution than their size, and without colour."""

GREY: Floats = np.array([0.25, 0.65, 0.10], np.float32)
"""Weights of red, green and blue in a picture's brightness."""


def develop(light: Floats, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn linear light `(H, W, 3)` RGB into the camera's picture, `(H, W, 3)` uint8 BGR.

    Each camera has its own exposure, contrast, colour cast, blur and noise, around which its pictures vary.
    """
    if rng.random() < HAZE_CHANCE:
        share = np.float32(rng.uniform(0.03, 0.25))
        light = light * (1 - share) + share * np.float32(rng.uniform(0.5, 1.0))
    gain = camera.exposure * float(np.exp(rng.normal(0, 0.2)))
    # an automatic exposure lifts dark scenes and tames bright ones, half the way
    gain *= float(np.clip(np.sqrt(0.35 / (np.percentile(light[::4, ::4], 85) + 1e-3)), 0.7, 2.5))
    exposed = light * (gain * np.array(camera.cast, np.float32) * np.exp(rng.normal(0, 0.04, 3)).astype(np.float32))
    toned = exposed * (1 + exposed * 0.25) / (1 + exposed * 0.45)
    contrast = camera.contrast * float(np.exp(rng.normal(0, 0.12)))
    picture = np.asarray(255 * np.clip(toned, 0, 1) ** (contrast / 2.2), np.float32)
    vivid = 0.0 if rng.random() < GREY_CHANCE else float(rng.uniform(0.7, 1.35))
    red, green, blue = np.split(picture * GREY, 3, axis=2)
    brightness = red + green + blue
    picture = brightness + np.float32(vivid) * (picture - brightness)
    blurred = _blur(picture, camera.blur * float(rng.uniform(0.5, 1.4)), rng)
    noise = rng.standard_normal(picture.shape[:2], dtype=np.float32)[..., None]
    grainy = blurred + np.float32(camera.noise * rng.uniform(0.5, 2.0)) * noise
    return np.asarray(np.clip(grainy[..., ::-1], 0, 255), np.uint8)


def _blur(picture: Floats, deviation: float, rng: np.random.Generator) -> Floats:
    """Blur of the lens, and sometimes of motion and of a coarser sensor."""
    blurred = cv2.GaussianBlur(picture, (0, 0), max(deviation, 0.2))
    if rng.random() < SHAKE_CHANCE:
        length, turn = float(rng.uniform(2, 5)), float(rng.normal(0, 0.3))
        kernel = np.zeros((7, 7), np.float32)
        for step in np.linspace(-length / 2, length / 2, 15):
            kernel[3 + round(step * np.sin(turn)), 3 + round(step * np.cos(turn))] += 1
        blurred = cv2.filter2D(blurred, -1, kernel / kernel.sum())
    if rng.random() < COARSE_CHANCE:
        height, width = picture.shape[:2]
        share = float(rng.uniform(0.5, 0.85))
        small = cv2.resize(blurred, (round(share * width), round(share * height)), interpolation=cv2.INTER_AREA)
        blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(blurred, np.float32)


def encode(picture: NDArray[np.uint8], quality: int) -> bytes:
    """A picture as JPEG."""
    is_done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_done:
        raise RuntimeError(f"cannot encode a picture of shape {picture.shape}")
    return data.tobytes()
