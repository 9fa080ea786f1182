"""Upright surfaces around a vehicle: hedges, trees, houses, shops, walls, fences, rails and sheets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import cos, dot, sin
from pipeline.synthetic.light import Light
from pipeline.synthetic.mesh import Floats
from pipeline.synthetic.noise import noise


@dataclass(frozen=True)
class Kind:
    """A sort of surface.

    Attributes:
        height: Usual height, metres.
        colors: Linear colours it may have, before they are varied.
        ragged: Deviation of its upper edge as a share of the height.
    """

    height: float
    colors: tuple[tuple[float, float, float], ...]
    ragged: float = 0.0


KINDS: dict[str, Kind] = {
    "hedge": Kind(3.5, ((0.10, 0.16, 0.05), (0.06, 0.12, 0.03), (0.20, 0.22, 0.06)), 0.25),
    "trees": Kind(9.0, ((0.08, 0.14, 0.04), (0.16, 0.22, 0.06), (0.05, 0.09, 0.04), (0.30, 0.16, 0.05)), 0.5),
    "house": Kind(9.0, ((0.45, 0.40, 0.35), (0.70, 0.68, 0.62), (0.35, 0.14, 0.09), (0.55, 0.45, 0.20))),
    "shop": Kind(4.5, ((0.06, 0.07, 0.08), (0.60, 0.60, 0.60), (0.15, 0.20, 0.30))),
    "wall": Kind(2.6, ((0.45, 0.44, 0.42), (0.75, 0.74, 0.70), (0.30, 0.13, 0.08), (0.25, 0.30, 0.30))),
    "fence": Kind(1.6, ((0.25, 0.16, 0.10), (0.70, 0.70, 0.70), (0.05, 0.05, 0.05))),
    "rail": Kind(0.9, ((0.30, 0.28, 0.26), (0.60, 0.60, 0.58))),
    "hill": Kind(14.0, ((0.16, 0.17, 0.12), (0.12, 0.16, 0.20), (0.30, 0.24, 0.15)), 0.6),
}
"""What may stand around, besides the sheet of a studio."""

ROADSIDE = ("rail", "hedge", "wall", "fence", "trees")
NEAR = ("house", "hedge", "wall", "trees", "shop", "fence", "hedge", "trees")
FAR = ("house", "trees", "hill", "trees")


@dataclass(frozen=True)
class Plane:
    """An upright surface behind the vehicle.

    Attributes:
        bearing: Direction in which it lies, radians in the road's frame.
        distance: Metres from the vehicle.
        height: Metres.
        kind: A key of `KINDS`, or sheet.
        color: `(3,)` linear light.
        phase: Shift of its pattern, metres.
        grid: Width of its repeating pattern, metres: windows, boards, joints.
    """

    bearing: float
    distance: float
    height: float
    kind: str
    color: tuple[float, float, float]
    phase: float
    grid: float


def sample_planes(rng: np.random.Generator, is_road: bool, edges: tuple[float, float]) -> tuple[Plane, ...]:
    """Upright surfaces: along a road's edges, and all round a parked vehicle; the farthest first.

    Args:
        rng: Source of the draw.
        is_road: Whether the vehicle is on a road.
        edges: Lateral positions where the road ends, metres.
    """
    planes = []
    bearings = [np.pi / 2, -np.pi / 2] if is_road else [i * np.pi / 2 + rng.normal(0, 0.15) for i in range(4)]
    for bearing in bearings:
        beside = edges[1] if bearing > 0 else -edges[0]
        distance = min(beside + rng.uniform(0.5, 2.0), 25.0) if is_road else rng.uniform(4.0, 16.0)
        has_near = rng.random() < 0.75
        if has_near:
            planes.append(_sample_plane(rng, ROADSIDE if is_road else NEAR, float(bearing), float(distance)))
        planes.append(_sample_plane(rng, FAR, float(bearing), float(distance + rng.uniform(6.0, 30.0))))
    return tuple(sorted(planes, key=lambda plane: -plane.distance))


def _sample_plane(rng: np.random.Generator, kinds: tuple[str, ...], bearing: float, distance: float) -> Plane:
    """One surface of one of `kinds`."""
    name = kinds[int(rng.integers(len(kinds)))]
    kind = KINDS[name]
    color = np.array(kind.colors[int(rng.integers(len(kind.colors)))]) * rng.uniform(0.5, 1.5)
    red, green, blue = (float(value) for value in color * rng.uniform(0.8, 1.2, 3))
    height, phase, grid = kind.height * rng.uniform(0.6, 1.5), rng.uniform(0, 50), rng.uniform(0.7, 1.5)
    return Plane(bearing, distance, float(height), name, (red, green, blue), float(phase), float(grid))


def draw_plane(color: Floats, plane: Plane, eye: NDArray[np.float64], rays: Floats, light: Light) -> None:
    """Paint one upright surface over what lies behind it.

    Args:
        color: `(H, W, 3)` linear light, changed in place.
        plane: What to paint.
        eye: `(3,)` the camera, metres.
        rays: `(H, W, 3)` unit directions of the pixels.
        light: Sun and sky.
    """
    ahead = np.array([cos(plane.bearing), sin(plane.bearing)], np.float32)
    gap = plane.distance - float(eye[0] * ahead[0] + eye[1] * ahead[1])
    if gap <= 0.5:
        return
    speed = rays[..., 0] * ahead[0] + rays[..., 1] * ahead[1]
    reach = gap / np.maximum(speed, 1e-4)
    up = eye[2] + reach * rays[..., 2]
    ragged = KINDS[plane.kind].ragged if plane.kind in KINDS else 0.0
    is_seen = (speed > 1e-3) & (up > 0) & (up < plane.height * (1 + 1.5 * ragged)) & (reach < 150)
    if not is_seen.any():
        return
    seen, up, reach = rays[is_seen], up[is_seen], reach[is_seen]
    along = (eye[0] + reach * seen[:, 0]) * -ahead[1] + (eye[1] + reach * seen[:, 1]) * ahead[0] + plane.phase
    tone = _pattern(plane, along, up)
    if ragged:
        broad, close = noise(24, along, np.zeros_like(up), 60 / plane.height), noise(6, along, up, 40 / plane.height)
        tone[up > plane.height * (1 + ragged * (broad + 0.3 * close))] = np.nan
    lit = light.sky_color * 0.8 + light.sun_color * max(0.1, -float(dot(ahead, light.sun[:2])))
    painted = np.array(plane.color, np.float32) * lit * np.maximum(tone, 0.03)[:, None]
    color[is_seen] = np.where(np.isnan(tone)[:, None], color[is_seen], painted)


def _pattern(plane: Plane, along: Floats, up: Floats) -> Floats:
    """Brightness of a surface at positions in metres; NaN where one looks through it."""
    fine, coarse = noise(2, along, up, 20), noise(24, along, up, 30)
    kind, grid = plane.kind, plane.grid
    if kind == "sheet":
        return np.asarray(1.0 + 0.1 * coarse, np.float32)
    if kind in ("hedge", "trees", "hill"):
        leaves = noise(6, along, up, 9 if kind == "trees" else 14)
        tone = np.maximum(1 + 0.6 * fine + 0.7 * leaves + 0.7 * coarse, 0.2)
        if kind == "trees":
            trunk = (np.mod(along, 4.5 * grid) < 0.28) & (up < 0.4 * plane.height)
            open_below = (up < 0.25 * plane.height) & (noise(24, along, up, 12) > -0.2)
            tone = np.where(trunk, 0.35, np.where(open_below | (leaves + fine > 1.1), np.nan, tone))
        return np.asarray(tone, np.float32)
    if kind == "house":
        is_window = (np.mod(along, 2.4 * grid) > 1.1 * grid) & (np.mod(up + 0.6, 3.0) > 1.4)
        return np.asarray(np.where(is_window, 0.2 + 0.5 * coarse, 1.0) + 0.1 * fine + 0.2 * coarse, np.float32)
    if kind == "shop":
        is_pane = (np.mod(along, 3.0 * grid) > 0.25) & (up > 0.3) & (up < 2.7)
        things = np.abs(noise(6, along, up, 8)) + np.abs(noise(24, along, up, 12))
        return np.asarray(np.where(is_pane, 0.15 + 1.2 * things, 1.0 + 0.1 * coarse), np.float32)
    if kind == "fence":
        board = np.mod(along, 0.22 * grid)
        return np.asarray(np.where(board < 0.06, np.nan, 1.0 + 0.2 * coarse + 0.15 * fine), np.float32)
    if kind == "rail":
        posts = np.where(np.mod(along, 2.0 * grid) < 0.12, 0.4, 1.0)
        return np.asarray(posts * (0.7 + 0.4 * (up > 0.5)) + 0.2 * coarse, np.float32)
    joint = (np.mod(along, 1.8 * grid) < 0.04) | (np.mod(up, 0.9 * grid) < 0.03)
    return np.asarray(np.where(joint, 0.6, 1.0) + 0.12 * fine + 0.35 * coarse, np.float32)
