"""One picture of the fleet, from the draw of its circumstances to the encoded file and its ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic import annotation, cameras, scene
from pipeline.synthetic.annotation import PartBox
from pipeline.synthetic.arithmetic import cos, dot, length
from pipeline.synthetic.cameras import Camera
from pipeline.synthetic.development import develop, encode
from pipeline.synthetic.mesh import Floats
from pipeline.synthetic.occluders import draw_occluders
from pipeline.synthetic.render import Frame, is_in_sight, render, silhouette
from pipeline.synthetic.scene import Scene
from pipeline.synthetic.vehicle import Vehicle
from pipeline.synthetic.view import View

OVERSAMPLING = 2
"""Rendered pixels per picture pixel, along each axis."""

NEIGHBOUR_CHANCE = 0.45
MOST_HIDDEN = 0.25
"""Largest share of the target that a neighbour may hide; one that hides more is left out."""

Bytes = NDArray[np.uint8]
Placed = tuple[Vehicle, tuple[float, float], float]
"""A vehicle, where it stands (metres), and its heading (radians)."""

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Picture:
    """One encoded picture with its ground truth.

    Attributes:
        jpeg: The file.
        size: Width and height, pixels.
        azimuth: Degrees; 0 sees the front, 90 the vehicle's left side.
        elevation: Degrees above the horizon.
        labels: The label map as PNG: 0 nothing, 1 front, 2 rear, 3 side, 4 no single view.
        viewpoint: One of `VIEWPOINTS`.
        parts: Visible parts.
    """

    jpeg: bytes
    size: tuple[int, int]
    azimuth: float
    elevation: float
    labels: bytes
    viewpoint: str
    parts: list[PartBox]


def take(
    vehicle: Vehicle, camera: Camera, azimuth: float, neighbours: Sequence[Vehicle], rng: np.random.Generator
) -> Picture:
    """Take one picture; everything random comes from `rng`.

    Args:
        vehicle: The target.
        camera: Who takes it.
        azimuth: Degrees.
        neighbours: Vehicles of which some may stand around.
        rng: Source of circumstances.
    """
    elevation = float(rng.uniform(*camera.elevation))
    view = cameras.sample_view(camera, silhouette(vehicle), azimuth, elevation, rng)
    place = scene.sample_scene(rng, is_road=not camera.is_low or bool(rng.random() < 0.3))
    fine = view.enlarged(OVERSAMPLING)
    frame = render(vehicle, fine, place.light)
    around = _place_neighbours(vehicle, neighbours, view, rng)
    color, cover, depth, footprints = _with_neighbours(vehicle, frame, around, fine, place)
    hidden = _coarse(depth) < _coarse(frame.depth)
    light = _blend(color, cover, place, view, footprints)
    hidden |= draw_occluders(light, float(place.light.sky_color.mean() + 0.5 * place.light.sun_color.mean()), rng)
    frame = _coarse_frame(frame)
    seen = np.where(hidden, 0, frame.view).astype(np.uint8)
    picture = develop(light, camera, rng)
    return Picture(
        jpeg=encode(picture, int(rng.integers(min(45, camera.quality), camera.quality + 1))),
        size=view.size,
        azimuth=azimuth,
        elevation=elevation,
        labels=cv2.imencode(".png", annotation.label_map(seen))[1].tobytes(),
        viewpoint=annotation.viewpoint(seen, frame.level),
        parts=annotation.visible_parts(frame, hidden, vehicle.skin.parts),
    )


def _turn(yaw: float) -> Floats:
    """Factors that turn points by 0 or 180 degrees about z."""
    return np.array([cos(yaw), cos(yaw), 1.0], np.float32)


def _coarse(values: NDArray[T]) -> NDArray[T]:
    """Every picture pixel's value out of the rendered ones; labels must not be averaged."""
    return values[OVERSAMPLING // 2 :: OVERSAMPLING, OVERSAMPLING // 2 :: OVERSAMPLING]


def _coarse_frame(frame: Frame) -> Frame:
    """The frame at the picture's resolution."""
    return Frame(
        depth=_coarse(frame.depth),
        color=_coarse(frame.color),
        part=_coarse(frame.part),
        inner=_coarse(frame.inner),
        view=_coarse(frame.view),
        level=_coarse(frame.level),
    )


def _with_neighbours(
    vehicle: Vehicle, frame: Frame, others: Sequence[Placed], fine: View, place: Scene
) -> tuple[Floats, NDArray[np.bool_], Floats, list[Floats]]:
    """Put other vehicles, where they are in sight and hide little of the target, around it.

    Returns:
        Colour, coverage and depth of all of them, at the rendered resolution, and what throws a shadow: the vertices
        `(V, 3)` of each vehicle in sight.
    """
    color, cover, depth = frame.color, frame.view > 0, frame.depth
    footprints = [silhouette(vehicle)]
    for other, offset, yaw in others:
        if not is_in_sight(other, fine, offset):
            continue
        beside = render(other, fine, place.light, offset, yaw)
        is_nearer = beside.depth < depth
        if is_nearer[frame.view > 0].mean() > MOST_HIDDEN:
            continue
        color = np.where(is_nearer[..., None], beside.color, color)
        cover, depth = cover | (beside.view > 0), np.minimum(depth, beside.depth)
        footprints.append(silhouette(other) * _turn(yaw) + np.array([*offset, 0], np.float32))
    return color, cover, depth, footprints


def _place_neighbours(
    vehicle: Vehicle, others: Sequence[Vehicle], view: View, rng: np.random.Generator
) -> list[Placed]:
    """Vehicles with offset (metres) and heading (radians), in other lanes or the same, few of them in front."""
    placed = []
    toward = view.eye[:2] / length(view.eye[:2])
    for lane in (-1, 0, 1):
        if not others or rng.random() > NEIGHBOUR_CHANCE:
            continue
        other = others[int(rng.integers(len(others)))]
        gap = (vehicle.spec.shape.length + other.spec.shape.length) / 2 + rng.uniform(1.2, 5.0)
        along = float(rng.uniform(-5, 5) if lane else gap * rng.choice([-1, 1]))
        offset = (along, float(lane * (scene.LANE + rng.uniform(-0.2, 0.4))))
        is_in_front = float(dot(np.array(offset), toward)) > 1.0
        if is_in_front and rng.random() < 0.8:
            offset = (-offset[0], -offset[1])
        if float(length(view.eye[:2] - offset)) > 3.5 + other.spec.shape.length / 2:
            placed.append((other, offset, float(np.pi) if lane == 1 and rng.random() < 0.3 else 0.0))
    return placed


def _blend(color: Floats, cover: NDArray[np.bool_], place: Scene, view: View, footprints: list[Floats]) -> Floats:
    """Vehicles over their surroundings, linear light `(H, W, 3)` at the picture's resolution."""
    sun = place.light.sun_color.sum() * place.light.sun[2]
    strength = float(sun / (sun + place.light.sky_color.sum()))
    shadow = scene.cast_shadow(footprints, place.light.sun, strength)
    behind = scene.paint(place, view, shadow)
    alpha = _averaged(cover.astype(np.float32))[..., None]
    return np.asarray(_averaged(color) + behind * (1 - alpha), np.float32)


def _averaged(values: Floats) -> Floats:
    """Means over the rendered pixels of each picture pixel, added in order."""
    steps = range(OVERSAMPLING)
    total = sum(values[i::OVERSAMPLING, j::OVERSAMPLING] for i in steps for j in steps)
    return np.asarray(total / np.float32(OVERSAMPLING * OVERSAMPLING), np.float32)
