"""Front lights, rear lights and fog lights, on the faces and where they wrap into the sides."""

from pipeline.synthetic.arithmetic import circle
from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.drawing import DARK, Arc, shrunk
from pipeline.synthetic.loft import Profile
from pipeline.synthetic.skin import Color, Outline, Skin
from pipeline.synthetic.specs import Details, Styling

LAMP: Color = (0.86, 0.88, 0.90)


def headlight(
    skin: Skin, styling: Styling, details: Details, side: int, half: float, top: float, height: float
) -> None:
    """One front light; the region clips it where the surface turns into the wing.

    Forms: 0 block, 1 wedge, 2 column, 3 slim bar, 4 round, 5 slim bar over a block, 6 a leaf that sweeps back.
    """
    part = skin.add_part("car_light", "front_left" if side > 0 else "front_right")
    inner, outer = side * (1.02 - 0.6 * styling.lamp_wide) * half, side * 1.02 * half
    middle = (inner + outer) / 2
    eye = 0.5 * min(height, abs(outer - inner))
    forms: tuple[Outline, ...] = (
        [(inner, top - 0.05), (outer, top + 0.02), (outer, top - height), (inner, top - 0.8 * height)],
        [(inner, top - 0.6 * height), (outer, top + 0.03), (outer, top - 0.6 * height), (middle, top - 0.9 * height)],
        [(side * 0.66 * half, top), (outer, top), (outer, top - 1.3 * height), (side * 0.72 * half, top - height)],
        [(inner, top), (outer, top + 0.02), (outer, top - 0.5 * height), (inner, top - 0.4 * height)],
        [(side * 0.78 * half + 1.2 * eye * a, top - eye + eye * b) for a, b in circle(16).tolist()],
        [(inner, top), (outer, top + 0.02), (outer, top - height), (middle, top - height),
         (middle, top - 0.3 * height), (inner, top - 0.25 * height)],
        [(inner, top - 0.45 * height), (middle, top - 0.1 * height), (outer, top + 0.03), (outer, top - 0.45 * height),
         (middle, top - 0.75 * height)],
    )  # fmt: skip
    outline = forms[details.headlight]
    skin.polygon("front", outline, LAMP, "lamp", part)
    depth = (0.55, 0.30, 0.62, 0.20, 0.7, 0.35, 0.15)[details.headlight] * (0.4 + 0.9 * styling.lamp_tone)
    skin.polygon("front", shrunk(outline, 0.85), (depth, depth, 1.05 * depth), "lamp", part)
    skin.line("front", outline, 0.015, DARK, is_closed=True)
    for bulb, radius in _bulbs(details.headlight, side, half, top, height):
        skin.ellipse("front", bulb, (1.15 * radius, radius), (0.85, 0.87, 0.90), "lamp", part)
        skin.ellipse("front", bulb, (0.6 * radius, 0.55 * radius), (1.0, 1.0, 0.98), "lamp", part)
    if details.headlight in (1, 3, 6):
        skin.line("front", list(outline)[-2:], 0.025, (1.0, 1.0, 1.0))
    if details.headlight in (2, 5):
        skin.rectangle(
            "front", (side * 0.92 * half, top - 0.5 * height), (0.05, 0.6 * height), (0.9, 0.5, 0.1), "lamp", part
        )


def _bulbs(form: int, side: int, half: float, top: float, height: float) -> list[tuple[tuple[float, float], float]]:
    """Middle and radius of the bulbs of a front light, metres."""
    if form == 4:
        return [((side * 0.78 * half, top - 0.5 * height), 0.3 * height)]
    size = 0.7 if form in (3, 6) else 1.0
    up = top - (0.42 if form != 5 else 0.62) * height
    places = ((0.84, 0.34), (0.68, 0.24)) if form != 5 else ((0.84, 0.26),)
    return [((side * share * half, up), size * radius * height) for share, radius in places]


def taillight(
    skin: Skin, shape: BodyShape, styling: Styling, details: Details, side: int, half: float, arc: Arc
) -> None:
    """One rear light: 0 block, 1 column, 2 slim bar, 3 wedge, 4 pair of discs, 5 half a bar across, 6 an angle."""
    part = skin.add_part("car_light", "rear_left" if side > 0 else "rear_right")
    red: Color = (0.62, 0.03, 0.04)
    top = arc(shape.deck - 0.07)
    inner, outer = side * (1.02 - 0.5 * styling.lamp_wide) * half, side * 1.02 * half
    tall = styling.lamp_tall
    column = (top - arc(shape.clearance + 0.45 * (shape.deck - shape.clearance))) * min(1.0, tall)
    forms: tuple[Outline, ...] = (
        [(inner, top), (outer, top), (outer, top - 0.32 * tall), (inner, top - 0.24 * tall)],
        [(side * 0.78 * half, top + 0.02), (outer, top + 0.02), (outer, top - column),
         (side * 0.82 * half, top - column)],
        [(side * 0.35 * half, top - 0.02), (outer, top), (outer, top - 0.22 * tall),
         (side * 0.35 * half, top - 0.14 * tall)],
        [(side * 0.48 * half, top - 0.08), (outer, top + 0.02), (outer, top - 0.34 * tall),
         (side * 0.66 * half, top - 0.28 * tall)],
        [(side * 0.76 * half + 0.13 * a, top - 0.14 + 0.12 * b) for a, b in circle(16).tolist()],
        [(0.0, top - 0.03), (outer, top), (outer, top - 0.2 * tall), (side * 0.6 * half, top - 0.12 * tall),
         (0.0, top - 0.1)],
        [(inner, top), (outer, top), (outer, top - column), (side * 0.86 * half, top - column),
         (side * 0.82 * half, top - 0.14 * tall), (inner, top - 0.12 * tall)],
    )  # fmt: skip
    outline = forms[details.taillight]
    skin.polygon("rear", outline, red, "lamp", part)
    if details.taillight == 6:
        inside: Outline = [
            (side * 0.88 * half, top - 0.08),
            (side * 0.98 * half, top - 0.08),
            (side * 0.98 * half, top - 0.9 * column),
            (side * 0.9 * half, top - 0.9 * column),
        ]
    else:
        inside = shrunk(outline, 0.72)
    skin.polygon("rear", inside, (0.82, 0.07, 0.07), "lamp", part)
    if details.tail_clear > 0:
        skin.polygon("rear", shrunk(inside, 1.9 * details.tail_clear), (0.85, 0.80, 0.78), "lamp", part)
    skin.line("rear", outline, 0.016, DARK, is_closed=True)


def side_lamps(skin: Skin, side: str, body: Profile, shape: BodyShape, styling: Styling, details: Details) -> None:
    """The pieces of front and rear lights that wrap into the side: one part with the piece on the face."""
    part = skin.add_part("car_light", f"front_{side}")
    is_flat = shape.body_type in ("bus", "box_truck")
    top = min(shape.nose - 0.02, shape.clearance + 0.52) if is_flat else shape.nose - 0.03
    reach = 0.04 if is_flat else 0.16
    front = body.at(body.front, top) - 0.5 * body.at(body.front_corner, top)
    tall = 0.22 * styling.lamp_tall
    outline = [(front + 0.4, top), (front - reach, top - 0.01), (front + 0.4, top - tall)]
    skin.polygon(side, outline, (0.8, 0.82, 0.84), "lamp", part)
    if shape.body_type == "box_truck":
        return
    part = skin.add_part("car_light", f"rear_{side}")
    top = shape.deck - 0.07
    rear = body.at(body.rear, top) + 0.5 * body.at(body.rear_corner, top)
    tall = (0.30, 0.42, 0.22, 0.32, 0.0, 0.20, 0.34)[details.taillight] * styling.lamp_tall
    if details.taillight == 4:
        return
    outline = [(rear - 0.4, top), (rear + 0.14, top - 0.02), (rear - 0.4, top - tall)]
    skin.polygon(side, outline, (0.6, 0.03, 0.04), "lamp", part)


def light_cover(skin: Skin, details: Details, side: int, half: float, up: float) -> None:
    """One fog light in its cover, low in the bumper."""
    if details.light_cover == 0:
        return
    part = skin.add_part("light_cover")
    center = (side * 0.78 * half, up + 0.02)
    if details.light_cover == 1:
        skin.ellipse("front", center, (0.11, 0.085), details.cover_color, "plastic", part)
    elif details.light_cover == 2:
        skin.rectangle("front", center, (0.28, 0.11), details.cover_color, "plastic", part)
    else:
        a, b = center
        outline = [(a - side * 0.12, b - 0.08), (a + side * 0.16, b - 0.08), (a + side * 0.16, b + 0.16)]
        skin.polygon("front", outline, details.cover_color, "plastic", part)
    skin.ellipse("front", center, (0.05, 0.045), (0.92, 0.93, 0.90), "lamp", part)
