"""Front and rear of the skin: windscreen, lights, grille, plates, logos, stickers on glass."""

import numpy as np

from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.loft import Array, Profile
from pipeline.synthetic.skin import NO_VIEW, Color, Outline, Skin
from pipeline.synthetic.specs import Details, Sign, Styling

DARK: Color = (0.035, 0.035, 0.04)
LAMP: Color = (0.86, 0.88, 0.90)
GLASS: Color = (0.05, 0.06, 0.06)
PLATE_SIZE = (0.50, 0.20)
"""Width and height of a plate, metres; taller than most real ones, to be readable at the rendered size."""


def draw_front(skin: Skin, body: Profile, shape: BodyShape, styling: Styling, details: Details) -> None:
    """Paint the front: bumper, lights, grille, logo, plate, windscreen with its stickers."""
    low, nose = shape.clearance, shape.nose
    half = body.face_half(0.6 * nose)
    arc = _Arc(body, body.front_arc)
    top = arc(nose - 0.04)
    is_flat = shape.body_type in ("bus", "box_truck")
    lamp_top = arc(min(nose - 0.02, low + 0.52)) if is_flat else top
    lamp_height = 0.25 + 0.02 * details.headlight
    if styling.has_cladding:
        skin.rectangle("front", (0, arc(low) + 0.07), (2.2 * half, 0.16), DARK, "plastic")
    _grille(skin, styling, half, lamp_top, lamp_height)
    intake = arc(low) + 0.17
    skin.rectangle("front", (0, intake), (1.1 * half, 0.14), DARK, "plastic")
    for side in (-1, 1):
        _headlight(skin, details, side, half, lamp_top, lamp_height)
        _light_cover(skin, details, side, half, intake)
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
    _windscreen(skin, body, shape, details)


def draw_rear(skin: Skin, body: Profile, shape: BodyShape, styling: Styling, details: Details) -> None:
    """Paint the rear: bumper, tail-lights, plate, logo, rear window with its stickers."""
    low, deck = shape.clearance, shape.deck
    half = body.face_half(0.7 * deck)
    arc = _Arc(body, body.rear_arc)
    if styling.has_cladding:
        skin.rectangle("rear", (0, arc(low) + 0.10), (2.2 * half, 0.24), DARK, "plastic")
    else:
        skin.rectangle("rear", (0, arc(low) + 0.05), (1.3 * half, 0.10), DARK, "plastic")
    bumper = arc(low + 0.45 * (deck - low))
    skin.line("rear", [(-half, bumper), (half, bumper)], 0.014, darker(styling.paint))
    for side in (-1, 1):
        skin.line("rear", [(side * 0.72 * half, bumper), (side * 0.74 * half, arc(deck))], 0.012, darker(styling.paint))
        _taillight(skin, shape, details, side, half, arc)
        skin.rectangle("rear", (side * 0.8 * half, bumper - 0.13), (0.16, 0.05), (0.6, 0.04, 0.04), "lamp")
    skin.rectangle("rear", (0, bumper + 0.07), (0.7, 0.035), styling.trim, "chrome")
    if shape.body_type == "pickup":
        _bed(skin, body, shape)
    _plate(skin, "rear", bumper + (0.16 if details.logo % 2 else -0.12), details)
    _logo(skin, "rear", arc(deck - 0.10), details)
    _rear_window(skin, body, shape, details)


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


def draw_sign(skin: Skin, region: str, sign: Sign, center: tuple[float, float], scale: float = 1.0) -> None:
    """Put one sticker on a region, its middle at `center` metres."""
    part = skin.add_part("newer_sign")
    width, height = scale * sign.size[0], scale * sign.size[1]
    if sign.form == 1:
        skin.ellipse(region, center, (width / 2, width / 2), sign.color, "decal", part)
        skin.ellipse(region, center, (width / 4, width / 4), sign.ink, "decal", part)
    else:
        skin.rectangle(region, center, (width, height), sign.color, "decal", part)
        skin.rectangle(region, center, (0.7 * width, 0.35 * height), sign.ink, "decal", part)


class _Arc:
    """Height above the ground -> distance along a face's middle line, metres."""

    def __init__(self, body: Profile, arc: Array) -> None:
        self._z, self._arc = body.z, arc

    def __call__(self, z: float) -> float:
        return float(np.interp(z, self._z, self._arc))


def _shrunk(outline: Outline, share: float) -> Outline:
    """The outline scaled about its middle."""
    points = np.asarray(outline)
    middle = points.mean(0)
    return [(float(a), float(b)) for a, b in middle + share * (points - middle)]


def darker(color: Color) -> Color:
    """The colour of a gap in a panel of colour `color`."""
    return 0.55 * color[0], 0.55 * color[1], 0.55 * color[2]


def _grille(skin: Skin, styling: Styling, half: float, top: float, height: float) -> None:
    """Bars (0, 2), mesh (1) or a closed nose (3) between the lights."""
    if styling.grille == 3:
        skin.rectangle("front", (0, top - 0.06), (1.1 * half, 0.03), styling.trim, "chrome")
        return
    wide, tall = ((1.0, 1.1), (0.9, 2.4), (1.15, 0.8))[styling.grille]
    tall *= height
    outline = [(-0.5 * wide * half, top), (0.5 * wide * half, top)]
    outline += [(0.42 * wide * half, top - tall), (-0.42 * wide * half, top - tall)]
    skin.polygon("front", outline, DARK, "plastic")
    for share in np.linspace(0.15, 0.85, 4 if styling.grille == 0 else 3):
        up = top - share * tall
        reach = (0.48 - 0.06 * share) * wide * half
        skin.line("front", [(-reach, up), (reach, up)], 0.018, styling.trim)
    skin.line("front", outline, 0.02, styling.trim, is_closed=True)


def _headlight(skin: Skin, details: Details, side: int, half: float, top: float, height: float) -> None:
    """One front light; the region clips it where the surface turns into the wing."""
    part = skin.add_part("car_light", "front_left" if side > 0 else "front_right")
    inner, outer = side * 0.42 * half, side * 1.02 * half
    middle = (inner + outer) / 2
    forms: tuple[Outline, ...] = (
        [(inner, top - 0.05), (outer, top + 0.02), (outer, top - height), (inner, top - 0.8 * height)],
        [(inner, top - 0.6 * height), (outer, top + 0.03), (outer, top - 0.6 * height), (middle, top - 0.9 * height)],
        [(side * 0.66 * half, top), (outer, top), (outer, top - 1.3 * height), (side * 0.72 * half, top - height)],
        [(inner, top), (outer, top + 0.02), (outer, top - 0.5 * height), (inner, top - 0.4 * height)],
    )
    outline = forms[details.headlight]
    skin.polygon("front", outline, LAMP, "lamp", part)
    depth = (0.55, 0.30, 0.62, 0.20)[details.headlight]
    skin.polygon("front", _shrunk(outline, 0.82), (depth, depth, 1.05 * depth), "lamp", part)
    skin.line("front", outline, 0.015, DARK, is_closed=True)
    for share, size in ((0.84, 0.34), (0.68, 0.24)):
        bulb = (side * share * half, top - 0.42 * height)
        radius = (size if details.headlight != 3 else 0.7 * size) * height
        skin.ellipse("front", bulb, (1.15 * radius, radius), (0.85, 0.87, 0.90), "lamp", part)
        skin.ellipse("front", bulb, (0.6 * radius, 0.55 * radius), (1.0, 1.0, 0.98), "lamp", part)
    if details.headlight in (1, 3):
        skin.line("front", list(outline)[-2:], 0.025, (1.0, 1.0, 1.0))
    if details.headlight == 2:
        skin.rectangle(
            "front", (side * 0.92 * half, top - 0.5 * height), (0.05, 0.6 * height), (0.9, 0.5, 0.1), "lamp", part
        )


def _light_cover(skin: Skin, details: Details, side: int, half: float, up: float) -> None:
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
        outline = [(0.1 * r * np.sin(t), up + 0.1 * r * np.cos(t)) for t, r in _STAR]
        skin.polygon(region, outline, chrome, "chrome", part)
    else:
        skin.ellipse(region, center, (0.105, 0.075), chrome, "chrome", part)
        inner = (0.15, 0.3, 0.75) if details.logo == 3 else DARK
        skin.ellipse(region, center, (0.07, 0.045), inner, "plastic", part)


_STAR: list[tuple[float, float]] = [(i * np.pi / 3, 1.0 if i % 2 == 0 else 0.4) for i in range(6)]


def _windscreen(skin: Skin, body: Profile, shape: BodyShape, details: Details) -> None:
    """Front glass, inner mirror, annual signs in a top corner, entry licence low, front stickers."""
    arc = _Arc(body, body.front_arc)
    low, high = arc(shape.cowl + 0.03), arc(shape.roof_edge - 0.02)
    part = skin.add_part("windshield_glass")
    edge = [(0.96 * body.face_half(z), arc(z)) for z in np.linspace(shape.cowl + 0.03, shape.roof_edge - 0.02, 6)]
    outline = [(-a, b) for a, b in edge] + edge[::-1]
    skin.line("front", outline, 0.05, DARK, is_closed=True)
    skin.polygon("front", outline, GLASS, "glass", part)
    skin.line("front", [(-0.5, low + 0.02), (0.35, low + 0.08)], 0.02, DARK)
    skin.line("front", [(0.1, low + 0.02), (0.65, low + 0.07)], 0.02, DARK)
    skin.rectangle("front", (0, high - 0.10), (0.24, 0.07), DARK, "plastic")
    reach, tall = 0.88 * body.face_half(shape.roof_edge - 0.1), high - low
    for i, color in enumerate(details.annual_signs):
        sign = skin.add_part("annual_service_signs", "sheet")
        center = (details.annual_corner * (reach - 0.09 - 0.19 * (i % 2)), high - 0.09 - 0.19 * (i // 2))
        if i % 2:
            skin.ellipse("front", center, (0.08, 0.08), color, "decal", sign)
        else:
            skin.rectangle("front", center, (0.15, 0.15), color, "decal", sign)
        skin.rectangle("front", center, (0.07, 0.03), (0.95, 0.95, 0.95), "decal", sign)
    if details.entry_license is not None:
        card = skin.add_part("entry_license")
        center = (details.license_along * 0.85 * reach, low + 0.12)
        skin.rectangle("front", center, (0.26, 0.16), (0.95, 0.95, 0.93), "decal", card)
        skin.rectangle("front", (center[0], center[1] + 0.02), (0.20, 0.07), details.entry_license, "decal", card)
    for sign_ in details.signs:
        if sign_.place == "front":
            up = high - 0.06 if sign_.form == 2 else low + tall * (0.35 + 0.2 * sign_.up)
            along = -details.annual_corner * reach * (0.3 + 0.45 * abs(sign_.along))
            draw_sign(skin, "front", sign_, (along, up), scale=0.8)


def _taillight(skin: Skin, shape: BodyShape, details: Details, side: int, half: float, arc: _Arc) -> None:
    """One rear light: block, upright column, slim bar, or a wedge."""
    part = skin.add_part("car_light", "rear_left" if side > 0 else "rear_right")
    red: Color = (0.62, 0.03, 0.04)
    top = arc(shape.deck - 0.07)
    inner, outer = side * 0.52 * half, side * 1.02 * half
    column = top - arc(shape.clearance + 0.45 * (shape.deck - shape.clearance))
    forms: tuple[Outline, ...] = (
        [(inner, top), (outer, top), (outer, top - 0.32), (inner, top - 0.24)],
        [
            (side * 0.78 * half, top + 0.02),
            (outer, top + 0.02),
            (outer, top - column),
            (side * 0.82 * half, top - column),
        ],
        [(side * 0.35 * half, top - 0.02), (outer, top), (outer, top - 0.22), (side * 0.35 * half, top - 0.14)],
        [(side * 0.48 * half, top - 0.08), (outer, top + 0.02), (outer, top - 0.34), (side * 0.66 * half, top - 0.28)],
    )
    outline = forms[details.taillight]
    skin.polygon("rear", outline, red, "lamp", part)
    skin.polygon("rear", _shrunk(outline, 0.72), (0.82, 0.07, 0.07), "lamp", part)
    if details.tail_clear > 0:
        skin.polygon("rear", _shrunk(outline, 1.4 * details.tail_clear), (0.85, 0.80, 0.78), "lamp", part)
    skin.line("rear", outline, 0.016, DARK, is_closed=True)


def _bed(skin: Skin, body: Profile, shape: BodyShape) -> None:
    """The load bed of a pickup: a dark ribbed floor that counts to no view."""
    arc = _Arc(body, body.rear_arc)
    low, high = arc(shape.deck - 0.01), arc(shape.deck + 0.03)
    half = body.face_half(shape.deck)
    corners = [(-2.0, low + 0.03), (2.0, low + 0.03), (2.0, high), (-2.0, high)]
    skin.polygon("rear", corners, DARK, "rubber", view=NO_VIEW)
    for share in np.linspace(-0.8, 0.8, 7):
        skin.line("rear", [(share * half, low + 0.06), (share * half, high - 0.03)], 0.03, (0.12, 0.12, 0.12))


def _rear_window(skin: Skin, body: Profile, shape: BodyShape, details: Details) -> None:
    """Rear glass with wiper or brake light, and the stickers of the rear."""
    arc = _Arc(body, body.rear_arc)
    heights = np.linspace(shape.deck + 0.06, shape.roof_edge - 0.05, 6)
    edge = [(0.92 * body.face_half(z), arc(z)) for z in heights]
    outline = [(-a, b) for a, b in edge] + edge[::-1]
    skin.line("rear", outline, 0.04, DARK, is_closed=True)
    skin.polygon("rear", outline, GLASS, "glass")
    low, high = edge[0][1], edge[-1][1]
    reach = 0.7 * edge[-1][0]
    if shape.body_type in ("hatchback", "suv", "van"):
        skin.line("rear", [(0.0, low + 0.02), (0.38, low + 0.10)], 0.025, DARK)
        skin.rectangle("rear", (0, high + 0.03), (0.36, 0.045), (0.6, 0.03, 0.04), "lamp")
    if shape.body_type == "box_truck":
        return
    for sign in details.signs:
        if sign.place == "rear":
            draw_sign(skin, "rear", sign, (reach * sign.along, low + (0.3 + 0.5 * sign.up) * (high - low)))
