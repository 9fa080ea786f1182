"""Things that stand between camera and vehicle: poles, people, bushes and walls at the lower edge, sign boards."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import circle, sin
from pipeline.synthetic.mesh import Floats
from pipeline.synthetic.noise import SIDE, tile

CHANCES: dict[str, float] = {"pole": 0.05, "person": 0.04, "bush": 0.03, "board": 0.03}
"""Share of pictures with each."""

Mask = NDArray[np.bool_]


def draw_occluders(light: Floats, brightness: float, rng: np.random.Generator) -> Mask:
    """Sometimes draw something in front of the vehicle, near an edge of the picture.

    Args:
        light: `(H, W, 3)` linear light, changed in place.
        brightness: Light that falls on it, of the order of 1 by day.
        rng: Source of the draw.

    Returns:
        The pixels `(H, W)` it covers.
    """
    covered = np.zeros(light.shape[:2], np.bool_)
    draw = {"pole": _pole, "person": _person, "bush": _bush, "board": _board}
    chosen = rng.random(len(CHANCES))
    for (name, chance), value in zip(CHANCES.items(), chosen, strict=True):
        if value < chance:
            mask, color = draw[name](light.shape[0], light.shape[1], rng)
            light[mask] = color[mask] * np.float32(brightness)
            covered |= mask
    return covered


def _pole(height: int, width: int, rng: np.random.Generator) -> tuple[Mask, Floats]:
    """An upright pole, round, over the whole height."""
    start = int(width * rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.8, 0.95)]))
    thick = max(3, int(width * rng.uniform(0.02, 0.05)))
    columns = np.arange(start, min(start + thick, width))
    mask, color = np.zeros((height, width), np.bool_), np.zeros((height, width, 3), np.float32)
    mask[:, columns] = True
    color[:, columns] = (0.1 + 0.25 * sin(np.pi * (columns - start + 0.5) / thick))[:, None]
    return mask, color


def _person(height: int, width: int, rng: np.random.Generator) -> tuple[Mask, Floats]:
    """Someone who stands or walks at one side."""
    tall = rng.uniform(0.45, 0.95) * height
    x, foot = (
        width * float(rng.choice([rng.uniform(0.02, 0.18), rng.uniform(0.82, 0.98)])),
        rng.uniform(0.85, 1.1) * height,
    )
    head, shoulder, hip = foot - 0.93 * tall, foot - 0.82 * tall, foot - 0.47 * tall
    canvas = np.zeros((height, width, 3), np.float32)
    cover = np.zeros((height, width), np.uint8)
    step = rng.uniform(0.03, 0.1) * tall
    shirt, trousers = rng.uniform(0.02, 0.7, 3), rng.uniform(0.02, 0.25, 3)
    skin = np.array([0.5, 0.3, 0.22]) * rng.uniform(0.3, 1.3)
    shapes = [([(x - 0.10 * tall, hip), (x + 0.10 * tall, hip), (x + s * step + 0.045 * tall, foot),
                (x + s * step - 0.045 * tall, foot)], trousers) for s in (-1, 1)]  # fmt: skip
    shapes.append(([(x - 0.13 * tall, shoulder), (x + 0.13 * tall, shoulder), (x + 0.11 * tall, hip),
                    (x - 0.11 * tall, hip)], shirt))  # fmt: skip
    shapes.append(([(x + 0.055 * tall * a, head + 0.075 * tall * b) for a, b in circle(12).tolist()], skin))
    for outline, tone in shapes:
        points = np.round(np.array(outline)).astype(np.int32)
        cv2.fillPoly(canvas, [points], [float(value) for value in tone])
        cv2.fillPoly(cover, [points], (1.0,))
    return cover > 0, canvas


def _bush(height: int, width: int, rng: np.random.Generator) -> tuple[Mask, Floats]:
    """Leaves that reach in from below."""
    top = height * (1 - rng.uniform(0.05, 0.14))
    row, column = np.indices((height, width))
    row0, column0 = (int(value) for value in rng.integers(0, SIDE, 2))
    outline = tile(24)[row0, (column + column0) & (SIDE - 1)] + 0.4 * tile(6)[row0, (column + column0) & (SIDE - 1)]
    leaves = tile(2)[(row + row0) & (SIDE - 1), (column + column0) & (SIDE - 1)]
    mask = row > top - 0.06 * height * outline
    green = np.array([0.08, 0.15, 0.04]) * rng.uniform(0.6, 1.6, 3)
    return mask, np.asarray(np.maximum(1 + 0.8 * leaves, 0.1)[..., None] * green, np.float32)


def _board(height: int, width: int, rng: np.random.Generator) -> tuple[Mask, Floats]:
    """A plain board, wall or kerb that hides a corner or the lower edge."""
    mask, color = np.zeros((height, width), np.bool_), np.zeros((height, width, 3), np.float32)
    if rng.random() < 0.5:
        mask[int(height * (1 - rng.uniform(0.03, 0.12))) :] = True
    else:
        wide, low = int(width * rng.uniform(0.08, 0.2)), int(height * rng.uniform(0.3, 0.8))
        mask[low:, :wide] = True
        if rng.random() < 0.5:
            mask = mask[:, ::-1].copy()
    color[:] = rng.uniform(0.05, 0.6, 3)
    return mask, color
