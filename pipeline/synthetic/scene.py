"""Where a vehicle stands: light, ground with marks and shadow, sky, and what stands around."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import blur
from pipeline.synthetic.backdrop import Plane, draw_plane, sample_planes
from pipeline.synthetic.light import Light, sample_light
from pipeline.synthetic.mesh import Floats
from pipeline.synthetic.noise import noise
from pipeline.synthetic.view import View

SHADOW_SCALE = 16
"""Pixels a metre of the shadow map."""

SHADOW_REACH = 12.0
"""Half the side of the square that the shadow map covers, metres."""

LANE = 3.4
"""Width of a lane, metres."""

Color = tuple[float, float, float]

_GROUNDS: dict[str, tuple[Color, Color]] = {
    "asphalt": ((0.22, 0.22, 0.22), (0.30, 0.30, 0.30)),
    "grass": ((0.09, 0.17, 0.04), (0.22, 0.26, 0.08)),
    "gravel": ((0.38, 0.34, 0.29), (0.20, 0.18, 0.15)),
    "earth": ((0.24, 0.16, 0.10), (0.12, 0.08, 0.05)),
    "leaves": ((0.30, 0.17, 0.06), (0.10, 0.10, 0.04)),
    "paving": ((0.40, 0.38, 0.35), (0.30, 0.26, 0.24)),
    "concrete": ((0.48, 0.47, 0.45), (0.38, 0.37, 0.36)),
}
"""Kind of ground -> two linear colours that mix in it."""


@dataclass(frozen=True)
class Scene:
    """Surroundings of one picture, in the target vehicle's frame.

    Attributes:
        light: Sun and sky.
        kind: Ground, a key of `_GROUNDS`, or sheet.
        ground: The two linear colours that mix in the ground.
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
    kind: str
    ground: tuple[Color, Color]
    verge: Color
    roughness: float
    lanes: tuple[float, ...]
    mark: Color
    edges: tuple[float, float]
    planes: tuple[Plane, ...]
    shift: tuple[float, float]
    haze: Floats


def sample_scene(rng: np.random.Generator, is_road: bool) -> Scene:
    """A road with lanes and verges, or (for low cameras) a place with walls, trees or houses around, or a studio."""
    light = sample_light(rng)
    if not is_road and rng.random() < 0.2:
        return _studio(light, rng)
    kinds = list(_GROUNDS)
    kind = "asphalt" if rng.random() < (0.75 if is_road else 0.35) else kinds[int(rng.integers(len(kinds)))]
    tone = rng.uniform(0.55, 1.6) * rng.uniform(0.93, 1.07, 3)
    first, second = (_triple(np.array(color) * tone) for color in _GROUNDS[kind])
    verge = np.array([[0.07, 0.12, 0.04], [0.30, 0.28, 0.25], [0.22, 0.17, 0.11]])[int(rng.integers(3))]
    start = float(rng.uniform(-0.4, 0.4))
    lanes = tuple(start + LANE * (k + 0.5) for k in range(-2, 3)) if is_road or rng.random() < 0.25 else ()
    edges = (lanes[0] - 0.8, lanes[-1] + 0.8) if lanes else (-40.0, 40.0)
    shift = rng.uniform(0, 100, 2)
    return Scene(
        light=light,
        kind=kind,
        ground=(first, second),
        verge=_triple(verge * rng.uniform(0.7, 1.3)),
        roughness=float(rng.uniform(0.02, 0.2)),
        lanes=lanes,
        mark=(0.75, 0.55, 0.12) if rng.random() < 0.2 else (0.80, 0.80, 0.78),
        edges=edges,
        planes=sample_planes(rng, is_road, edges),
        shift=(float(shift[0]), float(shift[1])),
        haze=light.mirror[200].copy(),
    )


def _studio(light: Light, rng: np.random.Generator) -> Scene:
    """A plain room, white, grey or nearly black, as in a showroom."""
    tone = float(rng.choice([1.1, 0.35, 0.02], p=[0.5, 0.25, 0.25])) * rng.uniform(0.7, 1.2)
    plain = _triple(np.full(3, tone) * rng.uniform(0.9, 1.1, 3))
    walls = tuple(Plane(k * np.pi / 2, 7.0, 40.0, "sheet", plain, 0.0, 1.0) for k in range(4))
    haze = light.mirror[160].copy()
    return Scene(light, "sheet", (plain, plain), plain, 0.02, (), plain, (-40.0, 40.0), walls, (0.0, 0.0), haze)


def paint(scene: Scene, view: View, shadow: Floats) -> Floats:
    """Linear light `(H, W, 3)` of the picture without vehicles; `shadow` as from `cast_shadow`."""
    rays, eye = view.rays, view.eye
    color = np.empty_like(rays)
    is_sky = rays[..., 2] > -1e-3
    color[is_sky] = _sky(scene, rays[is_sky])
    down = rays[~is_sky]
    reach = np.minimum(-eye[2] / down[:, 2], 300.0)
    x, y = eye[0] + reach * down[:, 0], eye[1] + reach * down[:, 1]
    ground = _ground(scene, x, y)
    ground *= _ground_light(x, y, shadow)[:, None]
    ground *= scene.light.sun_color * scene.light.sun[2] + scene.light.sky_color
    fade = np.clip((reach - 40) / 200, 0, 0.8)[:, None]
    color[~is_sky] = ground * (1 - fade) + scene.haze * 0.7 * fade
    for plane in scene.planes:
        draw_plane(color, plane, eye, rays, scene.light)
    return np.asarray(color, np.float32)


def _sky(scene: Scene, rays: Floats) -> Floats:
    """Light `(N, 3)` of the sky above the horizon, with clouds."""
    height = np.clip((rays[:, 2] + 1) * 127.5, 0, 255).astype(np.int32)
    color = scene.light.mirror[np.maximum(height, 190)]
    if scene.light.clouds:
        # a layer of clouds high above: their pattern narrows towards the horizon
        over = 1.0 / (rays[:, 2] + 0.12)
        shift = np.asarray(scene.shift, np.float32)
        across, along = rays[:, 0] * over + shift[0], rays[:, 1] * over + shift[1]
        thick = noise(24, across, along, 30) + 0.5 * noise(6, across, along, 25)
        share = np.clip(1.5 * scene.light.clouds * thick, 0, 1)[:, None]
        color = color * (1 - share) + share * np.float32(1.1) * (scene.light.sky_color + 0.3 * scene.light.sun_color)
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
    soft, close = (blur(canvas, width).astype(np.float32) / 255 for canvas, width in ((cast, 1.5), (contact, 4.0)))
    return np.asarray((1 - strength * soft) * (1 - 0.75 * close * np.sqrt(close)), np.float32)


def _ground(scene: Scene, x: Floats, y: Floats) -> Floats:
    """Colour `(N, 3)` of the ground at positions in metres."""
    fine, coarse = noise(1, x, y, 25), noise(24, x + scene.shift[0], y, 18)
    first, second = (np.array(color, np.float32) for color in scene.ground)
    share = np.clip(0.4 + coarse + (fine if scene.kind in ("gravel", "leaves", "grass") else 0), 0, 1)[:, None]
    color = first + share * (second - first)
    if scene.kind == "paving":
        slab = (np.mod(x, 0.4) < 0.03) | (np.mod(y + 0.2 * (np.mod(x, 0.8) < 0.4), 0.4) < 0.03)
        color[slab] *= 0.55
    if scene.lanes:
        color[(y < scene.edges[0]) | (y > scene.edges[1])] = scene.verge
    for i, lane in enumerate(scene.lanes):
        is_solid = i in (0, len(scene.lanes) - 1)
        mark = (np.abs(y - lane) < 0.08) & (is_solid | (np.mod(x + scene.shift[1], 9.0) < 4.0))
        color[mark] = scene.mark
    for edge in scene.edges:
        color[np.abs(y - edge) < 0.12] = (0.4, 0.4, 0.38)
    texture = 1 + 0.8 * scene.roughness * fine + 1.6 * scene.roughness * coarse
    return np.asarray(color * texture[:, None], np.float32)


def _ground_light(x: Floats, y: Floats, shadow: Floats) -> Floats:
    """The shadow map's share of light `(N,)` at positions in metres; 1 outside the map."""
    share = np.ones(len(x), np.float32)
    column = np.floor((x + SHADOW_REACH) * SHADOW_SCALE).astype(np.int64)
    row = np.floor((y + SHADOW_REACH) * SHADOW_SCALE).astype(np.int64)
    side = len(shadow)
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    share[inside] = shadow[row[inside], column[inside]]
    return share


def _triple(values: NDArray[np.float64]) -> Color:
    a, b, c = (float(value) for value in values)
    return a, b, c
