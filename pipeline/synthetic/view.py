"""A pinhole camera: where it stands, where it looks, and the rays of its pixels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import apply
from pipeline.synthetic.mesh import Floats


@dataclass(frozen=True)
class View:
    """A pinhole camera.

    Attributes:
        eye: `(3,)` float64, position in metres.
        rotation: `(3, 3)` float64, rows are the camera's right, up and backward axes.
        slope: Half the picture's height at a distance of 1: tangent of half the vertical field of view.
        size: Width and height of the picture, pixels.
    """

    eye: NDArray[np.float64]
    rotation: NDArray[np.float64]
    slope: float
    size: tuple[int, int]

    def seen(self, vertices: Floats) -> Floats:
        """Positions `(V, 3)` in metres -> the same before a camera at 0, looking along -z, 90 degrees high."""
        places = apply(self.rotation, vertices - self.eye)
        return np.asarray(places / np.array([self.slope, self.slope, 1.0]), np.float32)

    @cached_property
    def rays(self) -> Floats:
        """Unit directions `(H, W, 3)` float32 of the pixels' centres."""
        width, height = self.size
        step = 2 * self.slope / height
        x = ((np.arange(width) + 0.5 - width / 2) * step).astype(np.float32)
        y = ((height / 2 - np.arange(height) - 0.5) * step).astype(np.float32)
        right, up, back = self.rotation.astype(np.float32)
        rays = x[None, :, None] * right + (y[:, None] * up - back)[:, None]
        length = np.sqrt(1 + x * x + (y * y)[:, None])
        return np.asarray(rays / length[..., None], np.float32)

    def enlarged(self, factor: int) -> "View":
        """The same view with `factor` times as many pixels along each axis."""
        return View(self.eye, self.rotation, self.slope, (self.size[0] * factor, self.size[1] * factor))
