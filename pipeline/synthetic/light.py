"""Sun, sky and what a shiny surface mirrors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import cos, length, sin
from pipeline.synthetic.mesh import Floats

Array = NDArray[np.float64]

NIGHT_CHANCE = 0.07
"""Share of pictures taken at dusk or under street lamps."""


@dataclass(frozen=True)
class Light:
    """Sun and surroundings; colours in linear light.

    Attributes:
        sun: `(3,)` float32, unit vector towards the sun.
        sun_color: `(3,)` float32.
        sky_color: `(3,)` float32, light from above.
        ground_color: `(3,)` float32, light from below.
        mirror: `(256, 3)` float32, what a mirror sees by the height of its ray, straight down to straight up.
        skyline: Phase and amplitude of the surroundings' outline in reflections.
        clouds: Contrast of the clouds, 0 for a clear or evenly grey sky.
    """

    sun: Floats
    sun_color: Floats
    sky_color: Floats
    ground_color: Floats
    mirror: Floats
    skyline: tuple[float, float]
    clouds: float

    def reflection(self, rays: Floats) -> Floats:
        """Light `(N, 3)` that comes from directions `(N, 3)`."""
        phase, amplitude = self.skyline
        far = np.maximum(length(rays[:, :2]), np.float32(1e-6))
        # as complex numbers, powers of directions are multiples of their angles
        once = np.asarray(rays[:, 0] / far, np.float32), np.asarray(rays[:, 1] / far, np.float32)
        twice = _times(once, once)
        four = _times(twice, twice)
        five = _times(four, once)
        thirteen = _times(five, _times(four, four))
        outline = amplitude * (_swing(five, phase) + np.float32(0.6) * _swing(thirteen, 2 * phase))
        index = np.clip((rays[:, 2] + outline * 0.5 + 1.0) * 127.5, 0, 255).astype(np.int32)
        return self.mirror[index]


def _times(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Cosine and sine of the sum of two angles, of which each is given by its own."""
    return first[0] * second[0] - first[1] * second[1], first[0] * second[1] + first[1] * second[0]


def _swing(turned: tuple[Floats, Floats], phase: float) -> Floats:
    """Sine of the angle that is given by cosine and sine, plus `phase` radians."""
    return turned[1] * np.float32(cos(phase)) + turned[0] * np.float32(sin(phase))


def sample_light(rng: np.random.Generator) -> Light:
    """A sunny, veiled or overcast sky, high sun or low; sometimes lamps after dark."""
    is_night = bool(rng.random() < NIGHT_CHANCE)
    cover = float(rng.choice([rng.uniform(0, 0.3), rng.uniform(0.7, 1.0)], p=[0.6, 0.4]))
    bearing, height = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(18, 75))
    sun = np.array([cos(height) * cos(bearing), cos(height) * sin(bearing), sin(height)])
    warm = np.array([1.0, 0.95 - 0.12 * rng.random(), 0.86 - 0.24 * rng.random()])
    sun_color = (1 - cover) * rng.uniform(0.9, 1.6) * warm
    blue = np.array([0.86, 0.95, 1.08])
    sky_color = (rng.uniform(0.28, 0.5) + 0.5 * cover) * (blue * (1 - cover) + cover)
    ground_color = rng.uniform(0.10, 0.34) * np.array([1.0, 0.98, 0.94])
    zenith = (0.35 + 0.55 * cover) * (np.array([0.45, 0.75, 1.2]) * (1 - cover) + cover)
    horizon = np.array([0.95, 0.98, 1.0]) * rng.uniform(0.9, 1.3)
    if is_night:
        sun_color, sky_color = 0.75 * sun_color + 0.25 * warm, sky_color * rng.uniform(0.25, 0.7)
        ground_color, zenith, horizon = 0.5 * ground_color, zenith * 0.05, horizon * rng.uniform(0.05, 0.35)
    return Light(
        sun.astype(np.float32), sun_color.astype(np.float32), sky_color.astype(np.float32),
        ground_color.astype(np.float32), _mirror(ground_color, horizon, zenith, rng),
        (float(rng.uniform(0, 6)), float(rng.uniform(0.05, 0.3))),
        0.0 if is_night or rng.random() < 0.4 else float(rng.uniform(0.2, 1.0)),
    )  # fmt: skip


def _mirror(ground: Array, horizon: Array, zenith: Array, rng: np.random.Generator) -> Floats:
    """`Light.mirror` from the colours of ground, horizon and zenith, with dark or pale buildings in between."""
    built = rng.uniform(0.02, 0.4) * np.array([0.9, 1.0, 0.9])
    tall = float(rng.uniform(0.04, 0.35))
    heights = np.array([-1.0, -0.15, -0.02, 0.0, tall, tall + 0.04, 0.55, 1.0])
    stops = np.stack([0.7 * ground, ground, ground, built, built, horizon, 0.5 * (horizon + zenith), zenith])
    grid = np.linspace(-1, 1, 256)
    return np.stack([np.interp(grid, heights, stops[:, i]) for i in range(3)], 1).astype(np.float32)
