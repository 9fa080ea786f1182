"""A pinhole camera: where it stands, where it looks, and the rays of its pixels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.mesh import Floats


@dataclass(frozen=True)
class View:
    """A pinhole camera.

    Attributes:
        eye: `(3,)` float64, position in metres.
        rotation: `(3, 3)` float64, rows are the camera's right, up and backward axes.
        fov: Vertical field of view, radians.
        size: Width and height of the picture, pixels.
    """

    eye: NDArray[np.float64]
    rotation: NDArray[np.float64]
    fov: float
    size: tuple[int, int]

    @property
    def world_to_camera(self) -> NDArray[np.float64]:
        """`(4, 4)` float64."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = -self.rotation @ self.eye
        return matrix

    @cached_property
    def rays(self) -> Floats:
        """Unit directions `(H, W, 3)` float32 of the pixels' centres."""
        width, height = self.size
        step = 2 * np.tan(self.fov / 2) / height
        x = ((np.arange(width) + 0.5 - width / 2) * step).astype(np.float32)
        y = ((height / 2 - np.arange(height) - 0.5) * step).astype(np.float32)
        right, up, back = self.rotation.astype(np.float32)
        rays = x[None, :, None] * right + (y[:, None] * up - back)[:, None]
        length = np.sqrt(1 + x**2 + y[:, None] ** 2)
        return np.asarray(rays / length[..., None], np.float32)

    def enlarged(self, factor: int) -> "View":
        """The same view with `factor` times as many pixels along each axis."""
        return View(self.eye, self.rotation, self.fov, (self.size[0] * factor, self.size[1] * factor))
