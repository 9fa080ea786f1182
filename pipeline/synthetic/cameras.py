"""The cameras: where they hang and how they frame a vehicle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import apply, cos, exp, length, sin
from pipeline.synthetic.mesh import Floats
from pipeline.synthetic.view import View

WIDE_CHANCE = 0.45, 0.12
"""Shares of pictures of low and of high cameras that leave much around the vehicle, as photographs do."""

CUT_CHANCE = 0.08
"""Share of the other pictures that cut the vehicle at one edge."""


@dataclass(frozen=True)
class Camera:
    """One camera.

    Attributes:
        camera_id: From 1.
        is_low: Whether it stands at street level.
        elevation: Lowest and highest angle above the horizon, degrees.
        distance: Nearest and farthest vehicle, metres.
        bearing: Azimuth under which it sees most vehicles, degrees; the rest come the other way.
        spread: Deviation around it, degrees.
        long_side: Shortest and longest long side of a crop, pixels.
        exposure: Brightness.
        contrast: Exponent of the tone curve.
        cast: `(3,)` gains of red, green and blue.
        blur: Deviation of the blur, pixels.
        noise: Deviation of the noise, 8-bit steps.
        quality: JPEG quality.
    """

    camera_id: int
    is_low: bool
    elevation: tuple[float, float]
    distance: tuple[float, float]
    bearing: float
    spread: float
    long_side: tuple[int, int]
    exposure: float
    contrast: float
    cast: tuple[float, float, float]
    blur: float
    noise: float
    quality: int


def sample_cameras(count: int, low: int, long_side: tuple[int, int], rng: np.random.Generator) -> list[Camera]:
    """`count` cameras, the last `low` of them at street level; crops between `long_side` pixels."""
    cameras = []
    for i in range(count):
        is_low = i >= count - low
        elevation = float(rng.uniform(2, 6) if is_low else rng.uniform(10, 30))
        shortest = int(rng.integers(long_side[0], max(long_side[0] + 1, int(0.8 * long_side[1]))))
        red, blue = rng.normal(0, 0.06, 2)
        cameras.append(
            Camera(
                camera_id=i + 1,
                is_low=is_low,
                elevation=(elevation, elevation + (3.0 if is_low else 7.0)),
                distance=(4.8, 12.0) if is_low else (9.0, 35.0),
                bearing=float(rng.uniform(0, 360) if i % 2 else rng.choice([0.0, 180.0])),
                spread=(60.0 if is_low else 35.0) if i % 2 else 10.0,
                long_side=(shortest, int(min(long_side[1], 1.35 * shortest))),
                exposure=float(rng.uniform(0.85, 1.4)),
                contrast=float(rng.uniform(0.85, 1.35)),
                cast=(float(exp(red)), 1.0, float(exp(blue))),
                blur=float(rng.uniform(0.25, 0.5) if is_low else rng.uniform(0.3, 0.95)),
                noise=float(rng.uniform(0.5, 2.5)),
                quality=int(rng.integers(60, 93)),
            )
        )
    return cameras


def sample_view(camera: Camera, vertices: Floats, azimuth: float, elevation: float, rng: np.random.Generator) -> View:
    """Point a camera at a vehicle and crop around it as a detector would.

    Args:
        camera: Where from.
        vertices: `(V, 3)` float32, what the crop has to hold, metres.
        azimuth: Degrees; 0 sees the front, 90 the left side.
        elevation: Degrees above the horizon.
        rng: Draws distance, size and margins.
    """
    turn, tilt = np.deg2rad(azimuth), np.deg2rad(elevation)
    toward = np.array([cos(tilt) * cos(turn), cos(tilt) * sin(turn), sin(tilt)])
    reach = float(rng.uniform(*camera.distance)) * max(1.0, float(np.ptp(vertices[:, 0])) / 5.5)
    target = np.array([0.0, 0.0, 0.6])
    eye = target + reach * toward
    eye[2] = max(eye[2], 0.5)
    roll = np.deg2rad(rng.normal(0, 1.5))
    for _ in range(3):
        rotation = _look(eye, target, roll)
        points = apply(rotation, vertices - eye)
        flat = points[:, :2] / -points[:, 2:]
        low, high = flat.min(0), flat.max(0)
        middle = (low + high) / 2
        target = eye + apply(rotation.T, np.array([middle[0], middle[1], -1.0]))
    shift, (width, height) = _frame(camera, high - low, rng)
    target = target + apply(rotation.T, np.array([*shift, 0.0]))
    rotation = _look(eye, target, roll)
    long_side = int(rng.integers(camera.long_side[0], camera.long_side[1] + 1))
    scale = long_side / max(width, height)
    size = max(int(round(width * scale)), 48), max(int(round(height * scale)), 48)
    return View(eye, rotation, float(height / 2), size)


def _frame(
    camera: Camera, extent: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How the crop is moved off the vehicle's middle, and its size, both `(2,)` in the unit of `extent`.

    Most crops are a detector's, close around the vehicle; some leave much around it and tend to a square; a few
    cut the vehicle at one edge.
    """
    margin = rng.normal(0.05, 0.05, 2).clip(-0.04, 0.16)
    shift = rng.normal(0, 0.012, 2) * extent
    is_wide, is_cut = rng.random() < WIDE_CHANCE[0 if camera.is_low else 1], rng.random() < CUT_CHANCE
    if is_wide:
        margin = rng.uniform(0.05, 0.26, 2)
        size = extent * (1 + 2 * margin)
        size = np.maximum(size, rng.uniform(0.4, 1.0) * size.max())
        return rng.uniform(-0.35, 0.35, 2) * (size - extent), size
    if is_cut:
        axis, side = int(rng.integers(2)), float(rng.choice([-1, 1]))
        shift[axis] += side * rng.uniform(0.06, 0.16) * extent[axis]
    return shift, extent * (1 + 2 * margin)


def _look(eye: NDArray[np.float64], target: NDArray[np.float64], roll: float) -> NDArray[np.float64]:
    """Rotation `(3, 3)` whose rows are right, up and backward."""
    back = (eye - target) / length(eye - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= length(right)
    up = np.cross(back, right)
    cosine, sine = cos(roll), sin(roll)
    return np.stack([cosine * right + sine * up, cosine * up - sine * right, back])
