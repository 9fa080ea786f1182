"""Where a vehicle stands: light, ground with marks and shadow, and the walls, hedges and houses around it."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.mesh import Floats
from pipeline.synthetic.render import Light, View

SHADOW_SCALE = 16
"""Pixels a metre of the shadow map."""

SHADOW_REACH = 12.0
"""Half the side of the square that the shadow map covers, metres."""

LANE = 3.4
"""Width of a lane, metres."""


_HEIGHTS = {"hedge": 3.5, "house": 9.0, "wall": 2.6, "rail": 0.9}
_PALETTE = {
    "hedge": (0.10, 0.16, 0.05),
    "house": (0.45, 0.40, 0.35),
    "wall": (0.45, 0.44, 0.42),
    "rail": (0.30, 0.28, 0.26),
}


@dataclass(frozen=True)
class Plane:
    """An upright surface behind the vehicle.

    Attributes:
        bearing: Direction in which it lies, radians in the road's frame.
        distance: Metres from the vehicle.
        height: Metres.
        kind: hedge, house, wall, rail or sheet.
        color: `(3,)` linear light.
        phase: Shift of its pattern, metres.
    """

    bearing: float
    distance: float
    height: float
    kind: str
    color: tuple[float, float, float]
    phase: float


@dataclass(frozen=True)
class Scene:
    """Surroundings of one picture, in the target vehicle's frame.

    Attributes:
        light: Sun and sky.
        ground: Linear colour of the road.
        verge: Linear colour beyond the road's edges.
        roughness: Contrast of the ground's texture.
        lanes: Lateral positions of lane marks, metres; the outer ones are solid.
        mark: Linear colour of the marks.
        edges: Lateral positions where the road ends, metres.
        planes: Upright surfaces.
        shift: Where the patterns start, metres.
        haze: Linear colour of the sky at the horizon.
    """

    light: Light
    ground: tuple[float, float, float]
    verge: tuple[float, float, float]
    roughness: float
    lanes: tuple[float, ...]
    mark: tuple[float, float, float]
    edges: tuple[float, float]
    planes: tuple[Plane, ...]
    shift: tuple[float, float]
    haze: Floats


def sample_light(rng: np.random.Generator) -> Light:
    """A sunny, veiled or overcast sky."""
    cover = float(rng.choice([rng.uniform(0, 0.3), rng.uniform(0.7, 1.0)], p=[0.55, 0.45]))
    bearing, height = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(25, 75))
    sun = np.array([np.cos(height) * np.cos(bearing), np.cos(height) * np.sin(bearing), np.sin(height)])
    warm = np.array([1.0, 0.95 - 0.06 * rng.random(), 0.86 - 0.12 * rng.random()])
    sun_color = (1 - cover) * rng.uniform(0.9, 1.3) * warm
    blue = np.array([0.86, 0.95, 1.08])
    sky_color = (0.42 + 0.5 * cover) * (blue * (1 - cover) + cover)
    ground_color = rng.uniform(0.14, 0.30) * np.array([1.0, 0.98, 0.94])
    zenith = (0.35 + 0.55 * cover) * (np.array([0.55, 0.8, 1.2]) * (1 - cover) + cover)
    horizon = np.array([0.95, 0.98, 1.0]) * rng.uniform(0.9, 1.2)
    built = rng.uniform(0.05, 0.3) * np.array([0.9, 1.0, 0.9])
    heights = np.array([-1.0, -0.15, -0.02, 0.0, 0.12, 0.2, 0.5, 1.0])
    stops = np.stack(
        [ground_color * 0.8, ground_color, ground_color, built, built, horizon, 0.5 * (horizon + zenith), zenith]
    )
    grid = np.linspace(-1, 1, 256)
    mirror = np.stack([np.interp(grid, heights, stops[:, i]) for i in range(3)], 1)
    return Light(
        sun.astype(np.float32), sun_color.astype(np.float32), sky_color.astype(np.float32),
        ground_color.astype(np.float32), mirror.astype(np.float32),
        (float(rng.uniform(0, 6)), float(rng.uniform(0.05, 0.2))),
    )  # fmt: skip


def sample_scene(rng: np.random.Generator, is_road: bool) -> Scene:
    """A road with lanes and verges, or (for low cameras) a place with a wall, hedge or houses close by."""
    light = sample_light(rng)
    if not is_road and rng.random() < 0.22:
        return _studio(light, rng)
    grey = rng.uniform(0.14, 0.42)
    ground = np.array([grey, grey * rng.uniform(0.96, 1.02), grey * rng.uniform(0.92, 1.04)])
    if not is_road and rng.random() < 0.3:
        ground = np.array([0.10, 0.19, 0.05]) * rng.uniform(0.8, 1.8)
    verge = np.array([[0.07, 0.12, 0.04], [0.30, 0.28, 0.25], [0.22, 0.17, 0.11]])[int(rng.integers(3))]
    first = float(rng.uniform(-0.4, 0.4))
    lanes = tuple(first + LANE * (k + 0.5) for k in range(-2, 3)) if is_road or rng.random() < 0.3 else ()
    edges = (lanes[0] - 0.8, lanes[-1] + 0.8) if lanes else (-40.0, 40.0)
    yellow = rng.random() < 0.2
    return Scene(
        light=light,
        ground=_triple(ground),
        verge=_triple(verge * rng.uniform(0.7, 1.3)),
        roughness=float(rng.uniform(0.02, 0.16)),
        lanes=lanes,
        mark=(0.75, 0.55, 0.12) if yellow else (0.80, 0.80, 0.78),
        edges=edges,
        planes=_sample_planes(rng, is_road, edges),
        shift=_pair(rng.uniform(0, 100, 2)),
        haze=light.mirror[160].copy(),
    )


def _studio(light: Light, rng: np.random.Generator) -> Scene:
    """A plain room, white, grey or nearly black, as in a showroom."""
    tone = float(rng.choice([0.85, 0.35, 0.02])) * rng.uniform(0.7, 1.2)
    plain = _triple(np.full(3, tone) * rng.uniform(0.9, 1.1, 3))
    walls = tuple(Plane(k * np.pi / 2, 7.0, 40.0, "sheet", plain, 0.0) for k in range(4))
    return Scene(light, plain, plain, 0.02, (), plain, (-40.0, 40.0), walls, (0.0, 0.0), light.mirror[160].copy())


def _sample_planes(rng: np.random.Generator, is_road: bool, edges: tuple[float, float]) -> tuple[Plane, ...]:
    """Upright surfaces: along a road's edges, and all round a parked vehicle."""
    planes = []
    bearings = [np.pi / 2, -np.pi / 2] if is_road else [i * np.pi / 2 + rng.normal(0, 0.1) for i in range(4)]
    for bearing in bearings:
        near = edges[1] if bearing > 0 else -edges[0]
        distance = min(near + rng.uniform(0.5, 2.0), 25.0) if is_road else rng.uniform(5.0, 12.0)
        kinds = ["rail", "hedge", "wall"] if is_road else ["house", "hedge", "wall", "hedge"]
        for far, kind in enumerate((kinds[int(rng.integers(len(kinds)))], ["house", "hedge"][int(rng.integers(2))])):
            height = _HEIGHTS[kind] * rng.uniform(0.7, 1.4)
            color = np.array(_PALETTE[kind]) * rng.uniform(0.4, 1.8) * rng.uniform(0.85, 1.15, 3)
            planes.append(
                Plane(
                    float(bearing),
                    float(distance + 9 * far),
                    float(height),
                    kind,
                    _triple(color),
                    float(rng.uniform(0, 50)),
                )
            )
    return tuple(sorted(planes, key=lambda plane: -plane.distance))


def paint(scene: Scene, view: View, shadow: Floats) -> Floats:
    """Linear light `(H, W, 3)` of the picture without vehicles; `shadow` as from `cast_shadow`."""
    rays = view.rays()
    eye = view.eye
    down = np.minimum(rays[..., 2], -1e-3)
    reach = np.minimum(-eye[2] / down, 300.0)
    x, y = eye[0] + reach * rays[..., 0], eye[1] + reach * rays[..., 1]
    color = _ground(scene, x, y)
    color *= _ground_light(scene, x, y, shadow)[..., None]
    color *= scene.light.sun_color * scene.light.sun[2] + scene.light.sky_color
    fade = np.clip((reach - 40) / 200, 0, 0.8)[..., None]
    color = color * (1 - fade) + scene.haze * 0.7 * fade
    height = np.clip((rays[..., 2] + 1) * 127.5, 0, 255).astype(np.int32)
    color = np.where(rays[..., 2:] > -1e-3, scene.light.mirror[np.maximum(height, 152)], color)
    for plane in scene.planes:
        _draw_plane(color, plane, eye, rays, scene)
    return np.asarray(color, np.float32)


def cast_shadow(footprints: list[Floats], sun: Floats, strength: float) -> Floats:
    """Light that reaches the ground, share in [0, 1], on a square map around the target.

    Args:
        footprints: Vertices `(V, 3)` of each vehicle.
        sun: Unit vector towards the sun.
        strength: Share of all light that comes from the sun.

    Returns:
        `(S, S)` float32; row and column follow y and x.
    """
    side = int(2 * SHADOW_REACH * SHADOW_SCALE)
    cast, contact = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    for vertices in footprints:
        along_sun = vertices[:, :2] - vertices[:, 2:] * (sun[:2] / max(float(sun[2]), 0.3))
        for canvas, points in ((cast, along_sun), (contact, vertices[vertices[:, 2] < 1.0, :2])):
            pixels = np.round((points + SHADOW_REACH) * SHADOW_SCALE).astype(np.int32)
            cv2.fillConvexPoly(canvas, cv2.convexHull(pixels), (255.0,))
    soft = cv2.GaussianBlur(cast, (0, 0), 1.5).astype(np.float32) / 255
    close = cv2.GaussianBlur(contact, (0, 0), 4.0).astype(np.float32) / 255
    return np.asarray((1 - strength * soft) * (1 - 0.75 * close**1.5), np.float32)


def _ground(scene: Scene, x: Floats, y: Floats) -> Floats:
    """Colour `(H, W, 3)` of the ground at positions in metres."""
    fine, coarse = _noise(1)[_tile(x, 25), _tile(y, 25)], _noise(24)[_tile(x + scene.shift[0], 18), _tile(y, 18)]
    texture = 1 + 0.8 * scene.roughness * fine + 1.6 * scene.roughness * coarse
    color = np.where(
        ((y > scene.edges[0]) & (y < scene.edges[1]))[..., None],
        np.array(scene.ground, np.float32),
        np.array(scene.verge, np.float32),
    )
    for i, lane in enumerate(scene.lanes):
        is_solid = i in (0, len(scene.lanes) - 1)
        mark = (np.abs(y - lane) < 0.08) & (is_solid | (np.mod(x + scene.shift[1], 9.0) < 4.0))
        color[mark] = scene.mark
    for edge in scene.edges:
        color[np.abs(y - edge) < 0.12] = (0.4, 0.4, 0.38)
    return np.asarray(color * texture[..., None], np.float32)


def _ground_light(scene: Scene, x: Floats, y: Floats, shadow: Floats) -> Floats:
    """The shadow map's share of light `(H, W)` at positions in metres; 1 outside the map."""
    columns, rows = (np.asarray((values + SHADOW_REACH) * SHADOW_SCALE, np.float32) for values in (x, y))
    share = cv2.remap(shadow, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=1.0)
    return np.asarray(share, np.float32)


def _draw_plane(color: Floats, plane: Plane, eye: NDArray[np.float64], rays: Floats, scene: Scene) -> None:
    """Paint one upright surface over what lies behind it."""
    ahead = np.array([np.cos(plane.bearing), np.sin(plane.bearing)], np.float32)
    speed = rays[..., 0] * ahead[0] + rays[..., 1] * ahead[1]
    gap = plane.distance - float(eye[0] * ahead[0] + eye[1] * ahead[1])
    if gap <= 0.5:
        return
    reach = gap / np.maximum(speed, 1e-4)
    up = eye[2] + reach * rays[..., 2]
    along = (eye[0] + reach * rays[..., 0]) * -ahead[1] + (eye[1] + reach * rays[..., 1]) * ahead[0] + plane.phase
    coarse = _noise(24)[_tile(along, 30), _tile(up, 30)]
    top = plane.height * (1 + 0.25 * _noise(24)[_tile(along, 9), 7]) if plane.kind == "hedge" else plane.height
    is_seen = (speed > 1e-3) & (up > 0) & (up < top) & (reach < 150)
    if not is_seen.any():
        return
    tone = _pattern(plane.kind, along[is_seen], up[is_seen], coarse[is_seen])
    lit = scene.light.sky_color * 0.8 + scene.light.sun_color * max(0.1, -float(ahead @ scene.light.sun[:2]))
    color[is_seen] = np.array(plane.color, np.float32) * lit * np.maximum(tone, 0.03)[:, None]


def _pattern(kind: str, along: Floats, up: Floats, coarse: Floats) -> Floats:
    """Brightness of a surface at positions in metres."""
    fine = _noise(2)[_tile(along, 20), _tile(up, 20)]
    if kind == "sheet":
        return np.asarray(1.0 + 0.1 * coarse, np.float32)
    if kind == "hedge":
        return np.asarray(np.maximum(1 + 0.5 * fine + 0.8 * coarse, 0.25), np.float32)
    if kind == "house":
        is_window = (np.mod(along, 2.4) > 1.0) & (np.mod(up + 0.6, 3.0) > 1.4)
        return np.asarray(np.where(is_window, 0.25, 1.0) + 0.1 * fine + 0.2 * coarse, np.float32)
    if kind == "rail":
        posts = np.where(np.mod(along, 2.0) < 0.12, 0.4, 1.0)
        return np.asarray(posts * (0.7 + 0.4 * (up > 0.5)) + 0.2 * coarse, np.float32)
    joint = (np.mod(along, 1.8) < 0.04) | (np.mod(up, 0.9) < 0.03)
    return np.asarray(np.where(joint, 0.6, 1.0) + 0.12 * fine + 0.35 * coarse, np.float32)


def _tile(values: Floats, scale: float) -> NDArray[np.int32]:
    """Positions in metres -> indices into a noise tile, `scale` cells a metre."""
    return np.asarray(np.floor(values * scale), np.int64).astype(np.int32) & 511


@cache
def _noise(grain: int) -> Floats:
    """A `(512, 512)` float32 tile of noise, mean 0, deviation about 0.5, blurred to `grain` cells."""
    noise = np.random.default_rng(grain).normal(0, 1, (512, 512)).astype(np.float32)
    if grain > 1:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), grain / 2), np.float32)
    return np.asarray(0.5 * noise / noise.std(), np.float32)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    a, b, c = (float(value) for value in values)
    return a, b, c


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    a, b = (float(value) for value in values)
    return a, b
