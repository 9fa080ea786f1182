"""Solids that belong to the model of a car: spoiler, bar before the front, spare wheel."""

import numpy as np

from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.drawing import DARK
from pipeline.synthetic.loft import Profile
from pipeline.synthetic.mesh import Mesh, box, ring
from pipeline.synthetic.skin import FRONT, REAR, Skin
from pipeline.synthetic.specs import Styling

TAILED = ("sedan", "coupe")
"""Types whose spoiler stands on the boot; the others carry it at the roof's end."""


def extras(skin: Skin, body: Profile, shape: BodyShape, styling: Styling) -> list[Mesh]:
    """Everything that the styling adds to the body."""
    meshes: list[Mesh] = []
    if styling.spoiler:
        meshes += _spoiler(skin, shape, styling)
    if styling.bull_bar:
        meshes += _bull_bar(skin, body, shape, styling)
    if styling.spare_wheel:
        meshes.append(_spare_wheel(skin, body, shape))
    return meshes


def _spoiler(skin: Skin, shape: BodyShape, styling: Styling) -> list[Mesh]:
    """A lip or a wing, seen from all round and therefore of no single view."""
    uv = skin.swatch(styling.roof if shape.body_type not in TAILED else styling.paint, "paint")
    wide = 0.8 * shape.width * (1.0 if shape.body_type in TAILED else shape.roof_width)
    if shape.body_type in TAILED:
        along, up = min(shape.rear_glass - 0.12, -shape.length / 2 + 0.25), shape.deck + 0.02
    else:
        along, up = shape.roof_rear - 0.04, shape.roof_edge + 0.05
    if styling.spoiler == 1:
        return [box((along, 0.0, up), (0.2, wide, 0.05), uv)]
    high = up + 0.2
    posts = [box((along, side * 0.35 * wide, up + 0.08), (0.08, 0.04, 0.24), uv) for side in (-1, 1)]
    return [box((along - 0.04, 0.0, high), (0.22, wide, 0.035), uv), *posts]


def _bull_bar(skin: Skin, body: Profile, shape: BodyShape, styling: Styling) -> list[Mesh]:
    """A hoop of tubes that stands before the grille."""
    uv = skin.swatch(styling.trim, "chrome", view=FRONT)
    low, high = shape.clearance + 0.08, shape.nose - 0.04
    half, along = 0.45 * body.face_half(0.6 * shape.nose), shape.length / 2 + 0.04
    posts = [box((along, side * half, (low + high) / 2), (0.06, 0.06, high - low), uv) for side in (-1, 1)]
    bars = [box((along, 0.0, up), (0.06, 2 * half, 0.06), uv) for up in (high, (low + high) / 2)]
    return [*posts, *bars]


def _spare_wheel(skin: Skin, body: Profile, shape: BodyShape) -> Mesh:
    """A covered wheel on the rear door."""
    uv = skin.swatch(DARK, "plastic", view=REAR)
    radius, up = 0.85 * shape.wheel_radius, shape.clearance + 0.5 * (shape.deck - shape.clearance) + 0.12
    profile = np.array([[0.0, -0.09], [radius, -0.09], [radius, 0.06], [0.8 * radius, 0.09], [0.0, 0.09]])
    wheel = ring(profile, uv, 20)
    return wheel.moved((0.0, 0.0, 0.0), np.pi / 2).moved((body.at(body.rear, up) - 0.07, 0.0, up))
