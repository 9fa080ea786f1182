"""Sides and roof of the skin: windows between pillars, doors, wheel arches, sunroof, side stickers."""

import numpy as np

from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.drawing import DARK, GLASS, darker, draw_sign
from pipeline.synthetic.lamps import side_lamps
from pipeline.synthetic.loft import Profile
from pipeline.synthetic.skin import Skin
from pipeline.synthetic.specs import Details, Styling

ARCH = 1.11
"""Radius of a wheel arch as a multiple of the wheel's."""


def draw_side(skin: Skin, side: str, body: Profile, shape: BodyShape, styling: Styling, details: Details) -> None:
    """Paint one side (`left` or `right`)."""
    if styling.lower is not None:
        edge = 0.55 * shape.nose
        skin.rectangle(side, (0, edge / 2), (shape.length + 0.1, edge), styling.lower, "paint")
    _cladding(skin, side, shape, styling)
    cuts = _pillars(shape)
    _windows(skin, side, body, shape, styling, cuts)
    _doors(skin, side, body, shape, styling, cuts)
    side_lamps(skin, side, body, shape, styling, details)
    if styling.livery is not None:
        middle = 0.75 * shape.cowl
        skin.rectangle(side, (0, middle), (shape.length, 0.28), styling.livery, "paint")
    if shape.body_type != "box_truck":
        _stickers(skin, side, shape, details)
    for axle in (shape.axle_front, shape.axle_rear):
        radius = ARCH * shape.wheel_radius
        if styling.has_cladding:
            skin.ellipse(side, (axle, shape.wheel_radius), (radius + 0.07, radius + 0.07), DARK, "plastic", 0)
        else:
            rim = (radius + 0.02, radius + 0.02)
            skin.ellipse(side, (axle, shape.wheel_radius), rim, darker(styling.paint), "paint", 0)
        skin.ellipse(side, (axle, shape.wheel_radius), (radius, radius), (0.02, 0.02, 0.02), "hole", 0)


def draw_cargo_side(skin: Skin, side: str, shape: BodyShape, details: Details) -> None:
    """Paint one side of a cargo box: ribs and stickers."""
    for along in np.arange(-shape.length / 2, shape.rear_glass, 0.6):
        skin.line(f"cargo_{side}", [(along, 1.0), (along, shape.cargo)], 0.02, (0.55, 0.55, 0.56))
    middle, reach = (shape.rear_glass - shape.length / 2) / 2, 0.3 * (shape.length / 2 + shape.rear_glass)
    for sign in details.signs:
        if sign.place == side:
            center = (middle + reach * sign.along, 1.4 + 0.8 * sign.up)
            draw_sign(skin, f"cargo_{side}", sign, center, scale=2.2)


def draw_roof(skin: Skin, shape: BodyShape, styling: Styling, details: Details) -> None:
    """Paint the roof, with a sunroof where there is one."""
    skin.fill("top", styling.roof, "paint")
    half = 0.3 * shape.width
    if styling.stripe is not None:
        for side in (-1, 1):
            skin.rectangle("top", (0, 0.17 * side), (shape.length, 0.22), styling.stripe, "paint")
    if details.has_topwindow:
        part = skin.add_part("car_topwindow")
        middle = shape.roof_front - 0.55
        skin.rectangle("top", (middle, 0), (0.72, 2 * half + 0.05), DARK, "plastic")
        skin.rectangle("top", (middle, 0), (0.66, 2 * half), (0.03, 0.035, 0.04), "lamp", part)
    elif shape.body_type in ("van", "bus"):
        for along in np.linspace(shape.roof_rear + 0.5, shape.roof_front - 0.5, 6):
            skin.line("top", [(along, -half), (along, half)], 0.05, darker(styling.roof))
    if shape.body_type == "bus":
        skin.rectangle("top", (-0.15 * shape.length, 0), (2.4, 2.4 * half), (0.7, 0.71, 0.72), "plastic")


def _pillars(shape: BodyShape) -> list[float]:
    """Positions where pillars part the side windows, from front to rear."""
    front, rear = shape.roof_front, shape.roof_rear
    if shape.body_type == "box_truck":
        return []
    if shape.body_type == "bus":
        return [float(x) for x in np.linspace(shape.cowl_x - 1.0, rear + 0.8, 7)]
    if shape.body_type == "pickup":
        return [0.5 * (front + rear) + 0.1]
    if shape.body_type in ("van", "mpv"):
        return [x for x in (front - 0.35, front - 1.35, front - 2.35) if x - 0.2 > rear]
    if shape.body_type == "coupe":
        return [front - 0.95]
    pillars = [front - 0.42, front - 1.25]
    return pillars if pillars[1] - 0.2 > rear else pillars[:1]


def _windows(skin: Skin, side: str, body: Profile, shape: BodyShape, styling: Styling, cuts: list[float]) -> None:
    """The glass between belt line and roof, parted by pillars."""
    low, high = shape.cowl + styling.window_drop, shape.roof_edge - 0.03
    heights = np.linspace(low, high, 5)
    rear_low = max(low, shape.deck + 0.04) if shape.body_type != "bus" else low
    front = [(body.at(body.front, z) - body.at(body.front_corner, z) - 0.07, z) for z in heights]
    tail = 0.16 if shape.body_type in ("pickup", "box_truck") else 0.26
    rear = [
        (body.at(body.rear, max(z, rear_low)) + 0.7 * body.at(body.rear_corner, z) + tail * 0.6, z) for z in heights
    ]
    outline = front + rear[::-1]
    # the lower edge rises towards the rear
    outline = [(x, max(z, low + shape.belt_rise * _rise(x, shape))) for x, z in outline]
    outline += [(x, low + shape.belt_rise * _rise(x, shape)) for x in np.linspace(rear[0][0], front[0][0], 8)[1:-1]]
    skin.line(side, outline, 0.05, styling.trim, is_closed=True)
    skin.polygon(side, outline, GLASS, "glass")
    for cut in cuts:
        skin.polygon(
            side, [(cut - 0.045, low), (cut + 0.045, low), (cut + 0.02, high), (cut - 0.05, high)], DARK, "plastic"
        )


def _rise(x: float, shape: BodyShape) -> float:
    """Share of the belt line's rise reached at `x` metres: none at the front door, all at the rear end."""
    return float(np.clip((shape.roof_front - 0.4 - x) / (shape.roof_front - 0.4 + shape.length / 2), 0, 1))


def _doors(skin: Skin, side: str, body: Profile, shape: BodyShape, styling: Styling, cuts: list[float]) -> None:
    """Door gaps and handles."""
    low, belt = shape.clearance + 0.14, shape.cowl + styling.window_drop
    shade = darker(styling.paint)
    rear_most = shape.axle_rear + ARCH * shape.wheel_radius + 0.06
    starts = [shape.cowl_x - 0.18, *cuts][:3]
    if shape.body_type == "bus":
        starts = [shape.cowl_x - 0.25, 0.5]
    for start, end in zip(starts, [*starts[1:], max(rear_most, starts[-1] - 1.05)], strict=True):
        if start - end < 0.4 and shape.body_type != "box_truck":
            continue
        skin.line(
            side, [(start, belt), (start, low + 0.05), (start - 0.06, low), (end, low), (end, belt)], 0.011, shade
        )
        handle = (end + 0.16, belt - 0.13)
        color = styling.trim if styling.trim[0] > 0.5 else shade
        skin.rectangle(side, handle, (0.17, 0.035), color, "chrome")
    crease = belt - 0.2
    ends = (body.at(body.rear, crease) + 0.2, body.at(body.front, crease) - 0.5)
    skin.line(side, [(ends[0], crease), (ends[1], crease - 0.05)], 0.012, shade)


def _cladding(skin: Skin, side: str, shape: BodyShape, styling: Styling) -> None:
    """Dark sills."""
    tall = 0.22 if styling.has_cladding else 0.07
    skin.rectangle(side, (0, shape.clearance + tall / 2), (shape.length, tall), DARK, "plastic")


def _stickers(skin: Skin, side: str, shape: BodyShape, details: Details) -> None:
    """The stickers of this side, on the doors between the wheel arches."""
    reach = 0.32 * (shape.axle_front - shape.axle_rear)
    middle = (shape.axle_front + shape.axle_rear) / 2
    scale = 2.0 if shape.body_type == "bus" else 1.0
    for sign in details.signs:
        if sign.place == side:
            tall = max(sign.size[1], sign.size[0] if sign.form == 1 else 0.0) * scale / 2
            low, high = shape.clearance + 0.2 + tall, shape.cowl - 0.06 - tall
            up = low + sign.up * max(high - low, 0.0)
            draw_sign(skin, side, sign, (middle + reach * sign.along, up), scale)
