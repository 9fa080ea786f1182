"""Lofting of rounded outlines into the closed shell of a vehicle.

A body is a stack of horizontal outlines. Each is a rectangle with superelliptic corners that reaches from
`rear(z)` to `front(z)` with half width `half(z)`, so bumpers, bonnet, windscreen, roof and boot are one smooth
surface, and each belongs to the front, a side, the rear or the roof by its place on the outline.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import cos, length, power, sin
from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.mesh import Floats, Mesh, flat_uv, grid_triangles, join
from pipeline.synthetic.skin import Skin

Array = NDArray[np.float64]
Polyline = list[tuple[float, float]]

CORNER_STEPS = 6
SIDE_STEPS = 14
LAYER_STEP = 0.10
"""Largest height between two outlines, metres."""


@dataclass(frozen=True)
class Profile:
    """Outlines by height, all `(K,)` float64 in metres unless said otherwise.

    Attributes:
        z: Heights, ascending.
        front: Foremost x of each outline.
        rear: Rearmost x.
        half: Half width.
        front_corner: Length of the front corners along x.
        rear_corner: Length of the rear corners.
        sharpness: Exponent of the corners, without unit: 2 an ellipse, large a square corner.
        front_arc: Distance along the front's middle line, from the lowest outline.
        rear_arc: The same at the rear.
        roof: Height from which the surface is roof.
    """

    z: Array
    front: Array
    rear: Array
    half: Array
    front_corner: Array
    rear_corner: Array
    sharpness: Array
    front_arc: Array
    rear_arc: Array
    roof: float

    def at(self, values: Array, z: float) -> float:
        """One of the profile's arrays interpolated at height `z`."""
        return float(np.interp(z, self.z, values))

    def face_half(self, z: float) -> float:
        """Half width of the front (or rear) face at height `z`: where the corner is at 45 degrees."""
        return self.at(self.half, z) * float(power(0.5, 1 / self.at(self.sharpness, z)))


def profile(shape: BodyShape) -> Profile:
    """Outlines of the body that carries the windscreen."""
    nose_x = shape.length / 2
    tail_x, low, edge, top = shape.cab_rear, shape.clearance, shape.roof_edge, shape.height
    bumper = low + 0.55 * (shape.nose - low)
    bonnet = nose_x - shape.cowl_x
    # windscreen and rear window curve into the roof over 1.3 m at most, or as much as there is
    crown = min(shape.crown, (shape.roof_front - shape.roof_rear) / 1.45)
    front = [
        (low, nose_x - 0.09), (low + 0.12, nose_x - 0.02), (bumper, nose_x),
        (shape.nose - 0.06, nose_x - 0.05 * shape.lean),
        (shape.nose, nose_x - (0.14 if bonnet > 0.4 else 0.05) * shape.lean),
        (0.35 * shape.nose + 0.65 * shape.cowl, nose_x - max(0.45 * bonnet, 0.06 + 0.1 * max(shape.lean - 1, 0))),
        (shape.cowl - 0.02, shape.cowl_x + 0.03), (shape.cowl, shape.cowl_x), (edge, shape.roof_front),
        (top - 0.05, shape.roof_front - 0.22 * crown), (top - 0.015, shape.roof_front - 0.5 * crown),
        (top, shape.roof_front - 0.75 * crown),
    ]  # fmt: skip
    rear = [
        (low, tail_x + 0.08), (low + 0.12, tail_x + 0.01), (bumper, tail_x), (bumper + 0.06, tail_x + 0.035),
        (shape.deck - 0.05, tail_x + 0.06),
        (shape.deck, min(tail_x + 0.11, shape.rear_glass)), (shape.deck + 0.02, shape.rear_glass),
        (edge, shape.roof_rear), (top - 0.05, shape.roof_rear + 0.12 * crown),
        (top - 0.015, shape.roof_rear + 0.35 * crown),
        (top, shape.roof_rear + 0.55 * crown),
    ]  # fmt: skip
    wide, roof_half = shape.width / 2, shape.roof_width * shape.width / 2
    waist = 0.62 * shape.cowl + 0.38 * low
    half = [
        (low, 0.92 * wide), (low + 0.14, 0.985 * wide), (waist - 0.08, 0.975 * wide), (waist + 0.04, wide),
        (shape.cowl - 0.10, 0.985 * wide), (shape.cowl + 0.03, 0.94 * wide),
        (edge, roof_half), (top - 0.05, 0.92 * roof_half), (top - 0.015, 0.8 * roof_half), (top, 0.55 * roof_half),
    ]  # fmt: skip
    boxy = shape.body_type in ("van", "bus", "box_truck")
    glass = shape.corner * (0.8 if boxy else 0.6)
    corners = [(low, shape.corner), (shape.nose, shape.corner), (shape.cowl, glass), (top, glass)]
    sharpness = [
        (z, max(2.2, shape.squareness * s)) for z, s in ((low, 3.0), (shape.nose, 3.2), (shape.cowl, 5.0), (top, 4.0))
    ]
    return _stack(front, rear, half, corners, sharpness, edge)


def cargo_profile(shape: BodyShape) -> Profile:
    """Outlines of a truck's cargo box."""
    low, top, half = 1.0, shape.cargo, shape.width / 2 + 0.06
    front_x, rear_x = shape.rear_glass - 0.10, -shape.length / 2
    return _stack(
        [(low, front_x), (top - 0.03, front_x), (top, front_x - 0.03)],
        [(low, rear_x), (top - 0.03, rear_x), (top, rear_x + 0.03)],
        [(low, half), (top - 0.03, half), (top, half - 0.03)],
        [(low, 0.05), (top, 0.05)],
        [(low, 6.0), (top, 6.0)],
        top - 0.015,
    )


def _stack(
    front: Polyline, rear: Polyline, half: Polyline, corners: Polyline, sharpness: Polyline, roof: float
) -> Profile:
    """Merge polylines over height into one smoothed stack of outlines."""
    knots = np.unique(np.round([z for line in (front, rear, half) for z, _ in line] + [roof], 4))
    pieces = [
        np.linspace(a, b, int(np.ceil((b - a) / LAYER_STEP)) + 1)[:-1]
        for a, b in zip(knots[:-1], knots[1:], strict=True)
    ]
    z = np.concatenate([*pieces, knots[-1:]])
    rows = [z] + [np.interp(z, *np.array(line).T) for line in (front, rear, half, corners, sharpness)]
    table = np.stack(rows)
    table[:, 1:-1] = 0.25 * table[:, :-2] + 0.5 * table[:, 1:-1] + 0.25 * table[:, 2:]
    z, front_x, rear_x, half_y, corner, sharp = table
    limit = 0.45 * (front_x - rear_x)
    arcs = [np.concatenate([[0.0], np.cumsum(length(np.diff(np.stack([z, x], 1), axis=0)))]) for x in (front_x, rear_x)]
    return Profile(
        z, front_x, rear_x, half_y, np.minimum(corner, limit), np.minimum(0.8 * corner, limit), sharp,
        arcs[0], arcs[1], roof,
    )  # fmt: skip


def outlines(body: Profile) -> Array:
    """Outline points `(K, M, 3)` in metres, counter-clockwise from above, from the front's middle round."""
    angle = np.linspace(0, np.pi / 2, CORNER_STEPS + 1)
    exponent = 2 / body.sharpness[:, None]
    rise, reach = power(sin(angle), exponent), power(np.abs(cos(angle)), exponent)
    front_x = (body.front - body.front_corner)[:, None] + body.front_corner[:, None] * reach
    rear_x = (body.rear + body.rear_corner)[:, None] - body.rear_corner[:, None] * reach
    half = body.half[:, None]
    share = np.linspace(0, 1, SIDE_STEPS + 1)[1:-1]
    side_x = front_x[:, -1:] + (rear_x[:, -1:] - front_x[:, -1:]) * share
    left_x = np.concatenate([front_x, side_x, rear_x[:, ::-1]], 1)
    left_y = np.concatenate([half * rise, np.repeat(half, len(share), 1), half * rise[:, ::-1]], 1)
    x = np.concatenate([left_x, left_x[:, -2:0:-1]], 1)
    y = np.concatenate([left_y, -left_y[:, -2:0:-1]], 1)
    middle = (body.front.max() + body.rear.min()) / 2
    reach_x = (body.front.max() - body.rear.min()) / 2
    off = np.abs((x - middle) / reach_x)
    y = y * (1 - 0.05 * (off * off * off))
    return np.stack([x, y, np.broadcast_to(body.z[:, None], x.shape)], -1)


def shell(body: Profile, skin: Skin, prefix: str) -> Mesh:
    """The closed surface of one body, textured from the skin's regions `prefix` + front, left, rear, ..."""
    points = outlines(body)
    count = points.shape[1]
    normals = _normals(points)
    corner, side = CORNER_STEPS // 2, CORNER_STEPS + SIDE_STEPS + CORNER_STEPS // 2
    roof = int(np.searchsorted(body.z, body.roof))
    strips = {
        "front": np.arange(-corner, corner + 1) % count,
        "left": np.arange(corner, side + 1),
        "rear": np.arange(side, count - side + 1),
        "right": np.arange(count - side, count - corner + 1),
    }
    meshes = []
    for name, columns in strips.items():
        patch = points[: roof + 1, columns]
        across, up = _surface_position(body, name, patch)
        uv = skin.regions[prefix + name].to_pixels(across, up)
        meshes.append(_patch(patch, normals[: roof + 1, columns], uv))
    around = np.arange(count + 1) % count
    top, region = points[roof:, around], skin.regions[prefix + "top"]
    meshes.append(_patch(top, normals[roof:, around], region.to_pixels(top[..., 0], top[..., 1])))
    meshes.append(_cap(points[-1], 1.0, region.to_pixels))
    under = skin.swatch((0.03, 0.03, 0.03), "rubber")
    meshes.append(_cap(points[0, ::-1], -1.0, lambda along, _: flat_uv(len(along), under)))
    return join(meshes)


def _surface_position(body: Profile, name: str, patch: Array) -> tuple[Array, Array]:
    """Coordinates (across, up), metres, of a strip's points `(K, M, 3)` in its region of the skin.

    Sides are laid out by x and z; front and rear by y and the distance along their middle line.
    """
    if name in ("left", "right"):
        return patch[..., 0], patch[..., 2]
    arc = body.front_arc if name == "front" else body.rear_arc
    return patch[..., 1], np.repeat(arc[: len(patch), None], patch.shape[1], 1)


def _normals(points: Array) -> Array:
    """Outward unit normals of a closed grid `(K, M, 3)`, by central differences."""
    across = np.roll(points, -1, 1) - np.roll(points, 1, 1)
    up = np.gradient(points, axis=0)
    normals = np.cross(across, up)
    return np.asarray(normals / np.maximum(length(normals)[..., None], 1e-9))


def _patch(points: Array, normals: Array, uv: Floats) -> Mesh:
    """One rectangular grid of the shell as a mesh."""
    rows, columns = points.shape[:2]
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        normals.reshape(-1, 3).astype(np.float32),
        uv.reshape(-1, 2).astype(np.float32),
        grid_triangles(rows, columns),
    )


def _cap(rim: Array, up: float, to_pixels: Callable[[Array, Array], Floats]) -> Mesh:
    """A flat fan over an outline `(M, 3)`, facing up (`up` = 1) or down (-1)."""
    center = rim.mean(0, keepdims=True)
    points = np.concatenate([center, rim])
    index = np.arange(len(rim), dtype=np.int32)
    triangles = np.stack([np.zeros_like(index), 1 + index, 1 + (index + 1) % len(rim)], 1)
    normals = np.tile(np.array([0, 0, up], np.float32), (len(points), 1))
    return Mesh(points.astype(np.float32), normals, to_pixels(points[:, 0], points[:, 1]), triangles)
