"""Front and rear of the skin: windscreen, lights, grille, plates, logos, stickers on glass."""

import numpy as np

from pipeline.synthetic.arithmetic import circle
from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.drawing import DARK, Arc, darker, draw_sign
from pipeline.synthetic.glazing import rear_window, windscreen
from pipeline.synthetic.lamps import headlight, light_cover, taillight
from pipeline.synthetic.loft import Profile
from pipeline.synthetic.skin import NO_VIEW, Skin
from pipeline.synthetic.specs import Details, Styling

PLATE_SIZE = (0.50, 0.20)
"""Width and height of a plate, metres; taller than most real ones, to be readable at the rendered size."""


def draw_front(skin: Skin, body: Profile, shape: BodyShape, styling: Styling, details: Details) -> None:
    """Paint the front: bumper, lights, grille, logo, plate, windscreen with its stickers."""
    low, nose = shape.clearance, shape.nose
    half = body.face_half(0.6 * nose)
    arc = Arc(body, body.front_arc)
    top = arc(nose - 0.04)
    is_flat = shape.body_type in ("bus", "box_truck")
    lamp_top = arc(min(nose - 0.02, low + 0.52)) if is_flat else top
    lamp_height = min((0.25, 0.27, 0.29, 0.31, 0.26, 0.32, 0.27)[details.headlight] * styling.lamp_tall, 0.6 * lamp_top)
    _lower(skin, "front", styling, arc(0.55 * nose))
    skin.rectangle("front", (0, arc(low) + 0.5 * _skirt(styling)), (2.2 * half, _skirt(styling)), DARK, "plastic")
    _grille(skin, styling, half, lamp_top, lamp_height)
    intake = arc(low) + 0.17
    skin.rectangle("front", (0, intake), (1.1 * styling.grille_wide * half, styling.intake), DARK, "plastic")
    for side in (-1, 1):
        headlight(skin, styling, details, side, half, lamp_top, lamp_height)
        light_cover(skin, details, side, half, intake)
    plate_up = max(intake + 0.05, lamp_top - lamp_height - PLATE_SIZE[1] / 2 - 0.02)
    _plate(skin, "front", plate_up, details)
    _logo(skin, "front", lamp_top - 0.07, details)
    if not is_flat:
        skin.line(
            "front", [(-0.75 * half, arc(nose + 0.01)), (0.75 * half, arc(nose + 0.01))], 0.011, darker(styling.paint)
        )
        for side in (-1, 1):
            crease = [(side * 0.82 * half, arc(nose)), (side * 0.9 * half, arc(shape.cowl - 0.02))]
            skin.line("front", crease, 0.012, darker(styling.paint))
    _stripes(skin, "front", styling, arc(nose), arc(shape.cowl))
    windscreen(skin, body, shape, details)


def _skirt(styling: Styling) -> float:
    """Height of the unpainted lower part of the bumpers, metres."""
    return max(styling.skirt, 0.16) if styling.has_cladding else styling.skirt


def _lower(skin: Skin, region: str, styling: Styling, up: float) -> None:
    """The second colour of a two-tone body, below `up` metres of a face."""
    if styling.lower is not None:
        skin.rectangle(region, (0, up / 2 - 0.5), (4.0, up + 1.0), styling.lower, "paint")


def _stripes(skin: Skin, region: str, styling: Styling, low: float, high: float) -> None:
    """Two broad stripes along the middle, between two heights of a face."""
    if styling.stripe is not None:
        for side in (-1, 1):
            skin.rectangle(region, (0.17 * side, (low + high) / 2), (0.22, high - low), styling.stripe, "paint")


def draw_rear(skin: Skin, body: Profile, shape: BodyShape, styling: Styling, details: Details) -> None:
    """Paint the rear: bumper, tail-lights, plate, logo, rear window with its stickers."""
    low, deck = shape.clearance, shape.deck
    half = body.face_half(0.7 * deck)
    arc = Arc(body, body.rear_arc)
    _lower(skin, "rear", styling, arc(0.55 * shape.nose))
    skirt = _skirt(styling) + 0.06
    skin.rectangle("rear", (0, arc(low) + skirt / 2), (2.2 * half, skirt), DARK, "plastic")
    bumper = arc(low + 0.45 * (deck - low))
    skin.line("rear", [(-half, bumper), (half, bumper)], 0.014, darker(styling.paint))
    for side in (-1, 1):
        skin.line("rear", [(side * 0.72 * half, bumper), (side * 0.74 * half, arc(deck))], 0.012, darker(styling.paint))
        taillight(skin, shape, styling, details, side, half, arc)
        skin.rectangle("rear", (side * 0.8 * half, bumper - 0.13), (0.16, 0.05), (0.6, 0.04, 0.04), "lamp")
    skin.rectangle("rear", (0, bumper + 0.07), (0.7, 0.035), styling.trim, "chrome")
    if shape.body_type == "pickup":
        _bed(skin, body, shape)
    _plate(skin, "rear", bumper + (0.16 if details.logo % 2 else -0.12), details)
    _logo(skin, "rear", arc(deck - 0.10), details)
    rear_window(skin, body, shape, details)


def draw_cargo(skin: Skin, shape: BodyShape, details: Details) -> None:
    """Paint the rear doors of a cargo box, with lights, plate and stickers."""
    half = shape.width / 2
    skin.line("cargo_rear", [(0, 0.05), (0, 5)], 0.03, DARK)
    for side in (-1, 1):
        skin.line("cargo_rear", [(side * 0.35 * half, 0.1), (side * 0.35 * half, 5)], 0.03, (0.6, 0.6, 0.62))
        part = skin.add_part("car_light")
        red = (0.75, 0.05, 0.05)
        skin.rectangle("cargo_rear", (side * 0.72 * half, 0.14), (0.34, 0.16), red, "lamp", part)
        amber = (0.9, 0.45, 0.1)
        skin.rectangle("cargo_rear", (side * 0.84 * half, 0.14), (0.10, 0.16), amber, "lamp", part)
    _plate(skin, "cargo_rear", 0.20, details)
    for sign in details.signs:
        if sign.place == "rear":
            draw_sign(skin, "cargo_rear", sign, (0.6 * half * sign.along, 0.6 + 1.0 * sign.up), scale=1.6)


def _grille(skin: Skin, styling: Styling, half: float, top: float, height: float) -> None:
    """Bars (0, 2), mesh (1), a closed nose (3) or upright bars (4) between the lights."""
    if styling.grille == 3:
        skin.rectangle("front", (0, top - 0.06), (1.1 * half, 0.03), styling.trim, "chrome")
        return
    wide, tall = {0: (1.0, 1.1), 1: (0.9, 2.4), 2: (1.15, 0.8), 4: (0.95, 1.8)}[styling.grille]
    wide *= styling.grille_wide
    tall = min(tall * height * styling.grille_tall, 0.8 * top)
    outline = [(-0.5 * wide * half, top), (0.5 * wide * half, top)]
    outline += [(0.42 * wide * half, top - tall), (-0.42 * wide * half, top - tall)]
    skin.polygon("front", outline, DARK, "plastic")
    if styling.grille == 4:
        for share in np.linspace(-0.4, 0.4, 9):
            skin.line(
                "front", [(share * wide * half, top), (0.9 * share * wide * half, top - tall)], 0.014, styling.trim
            )
    for share in np.linspace(0.15, 0.85, 4 if styling.grille == 0 else 3) if styling.grille != 4 else ():
        up = top - share * tall
        reach = (0.48 - 0.06 * share) * wide * half
        skin.line("front", [(-reach, up), (reach, up)], 0.018, styling.trim)
    skin.line("front", outline, 0.02, styling.trim, is_closed=True)


def _plate(skin: Skin, region: str, up: float, details: Details) -> None:
    """The plate in the middle of a face."""
    part = skin.add_part("plate")
    width, height = PLATE_SIZE
    skin.rectangle(region, (0, up), (width + 0.03, height + 0.03), DARK, "plastic")
    skin.rectangle(region, (0, up), (width, height), details.plate[0], "decal", part)
    skin.text(region, (0, up), 0.45 * height, details.plate_text, details.plate[1])


def _logo(skin: Skin, region: str, up: float, details: Details) -> None:
    """The maker's logo: ring, bar, star or disc."""
    part = skin.add_part("logo")
    chrome, center = (0.88, 0.89, 0.90), (0.0, up)
    if details.logo == 1:
        skin.polygon(region, [(-0.11, up + 0.03), (0.11, up + 0.03), (0.0, up - 0.07)], chrome, "chrome", part)
    elif details.logo == 2:
        outline = [(along, up + above) for along, above in _STAR]
        skin.polygon(region, outline, chrome, "chrome", part)
    else:
        skin.ellipse(region, center, (0.105, 0.075), chrome, "chrome", part)
        inner = (0.15, 0.3, 0.75) if details.logo == 3 else DARK
        skin.ellipse(region, center, (0.07, 0.045), inner, "plastic", part)


_STAR: list[tuple[float, float]] = [
    (reach * b, reach * a) for (a, b), reach in zip(circle(6).tolist(), (0.1, 0.04) * 3, strict=True)
]


def _bed(skin: Skin, body: Profile, shape: BodyShape) -> None:
    """The load bed of a pickup: a dark ribbed floor that counts to no view."""
    arc = Arc(body, body.rear_arc)
    low, high = arc(shape.deck - 0.01), arc(shape.deck + 0.03)
    half = body.face_half(shape.deck)
    corners = [(-2.0, low + 0.03), (2.0, low + 0.03), (2.0, high), (-2.0, high)]
    skin.polygon("rear", corners, DARK, "rubber", view=NO_VIEW)
    for share in np.linspace(-0.8, 0.8, 7):
        skin.line("rear", [(share * half, low + 0.06), (share * half, high - 0.03)], 0.03, (0.12, 0.12, 0.12))
