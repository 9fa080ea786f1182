"""Triangle meshes: the container, how two are joined, and the solids that parts are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import apply, circle, cos, dot, length, sin

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Mesh:
    """Triangles whose appearance is read from a skin.

    Attributes:
        vertices: `(V, 3)` float32, metres; x forward, y to the vehicle's left, z up, ground at z = 0.
        normals: `(V, 3)` float32, unit, outward.
        uv: `(V, 2)` float32, column and row in the skin, pixels.
        triangles: `(T, 3)` int32, counter-clockwise seen from outside.
    """

    vertices: Floats
    normals: Floats
    uv: Floats
    triangles: Indices

    def volume(self) -> float:
        """Signed volume in cubic metres: positive when a closed mesh is the right side out."""
        a, b, c = (self.vertices[self.triangles[:, i]].astype(np.float64) for i in range(3))
        return float(dot(a, np.cross(b, c)).sum() / 6.0)

    def moved(self, offset: Point, yaw: float = 0.0) -> "Mesh":
        """The mesh turned by `yaw` radians about z, then shifted by `offset` metres."""
        cosine, sine = float(cos(yaw)), float(sin(yaw))
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], np.float32)
        vertices = apply(turn, self.vertices) + np.asarray(offset, np.float32)
        return Mesh(vertices, apply(turn, self.normals), self.uv, self.triangles)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """All triangles of `meshes` as one mesh."""
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate([mesh.triangles + np.int32(offset) for mesh, offset in zip(meshes, offsets, strict=True)]),
    )


def grid_triangles(rows: int, columns: int) -> Indices:
    """Triangles `(2 (rows - 1) (columns - 1), 3)` of a row-major vertex grid.

    They face the side from which columns run to the right when rows run upward.
    """
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def flat_uv(count: int, uv: tuple[float, float]) -> Floats:
    """`(count, 2)` copies of one skin position: a part of a single colour."""
    return np.tile(np.asarray(uv, np.float32), (count, 1))


def box(center: Point, size: Point, uv: tuple[float, float]) -> Mesh:
    """A cuboid of one colour; `center` and `size` in metres."""
    corners, normals = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal = np.zeros(3)
            normal[axis] = sign
            across = np.roll(normal, 1) * sign
            up = np.cross(normal, across)
            corners += [normal + i * across + j * up for j in (-1, 1) for i in (-1, 1)]
            normals += [normal] * 4
    vertices = (np.array(corners) * np.asarray(size) / 2 + np.asarray(center)).astype(np.float32)
    triangles = np.concatenate([grid_triangles(2, 2) + 4 * i for i in range(6)])
    return Mesh(vertices, np.array(normals, np.float32), flat_uv(24, uv), triangles.astype(np.int32))


def ellipsoid(center: Point, radii: Point, uv: tuple[float, float]) -> Mesh:
    """An ellipsoid of one colour with half axes `radii`, metres."""
    around = circle(12)[np.arange(13) % 12]
    level, height = circle(12)[np.arange(-3, 4), :, None].transpose(1, 0, 2)
    unit = np.stack([level * around[:, 0], level * around[:, 1], np.broadcast_to(height, (7, 13))], -1).reshape(-1, 3)
    normals = unit / np.asarray(radii)
    normals /= length(normals)[:, None]
    vertices = unit * np.asarray(radii) + np.asarray(center)
    triangles = grid_triangles(7, 13)
    return Mesh(vertices.astype(np.float32), normals.astype(np.float32), flat_uv(len(unit), uv), triangles)


def ring(profile: NDArray[np.float64], uv: tuple[float, float], segments: int) -> Mesh:
    """A surface of revolution about the y axis, of one colour.

    Args:
        profile: `(P, 2)` float64, (radius, y) in metres, ordered so that the outermost part runs along +y.
        uv: Skin position.
        segments: Facets around the axis.

    Returns:
        The mesh; its normals are averaged along the profile.
    """
    around = circle(segments)[-np.arange(segments + 1) % segments].T
    across = np.broadcast_to(profile[:, 1:], (len(profile), segments + 1))
    tangent = np.gradient(profile, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1)
    normal /= np.maximum(length(normal), 1e-9)[:, None]
    normal_across = np.broadcast_to(normal[:, 1:], across.shape)
    vertices = np.stack([profile[:, :1] * around[0], across, profile[:, :1] * around[1]], -1)
    normals = np.stack([normal[:, :1] * around[0], normal_across, normal[:, :1] * around[1]], -1)
    return Mesh(
        vertices.reshape(-1, 3).astype(np.float32),
        normals.reshape(-1, 3).astype(np.float32),
        flat_uv(across.size, uv),
        grid_triangles(len(profile), segments + 1),
    )
