"""Windscreen and rear window, with what is stuck on them."""

import numpy as np

from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.drawing import DARK, GLASS, Arc, draw_sign
from pipeline.synthetic.loft import Profile
from pipeline.synthetic.skin import Skin
from pipeline.synthetic.specs import Details


def windscreen(skin: Skin, body: Profile, shape: BodyShape, details: Details) -> None:
    """Front glass, inner mirror, annual signs in a top corner, entry licence low, front stickers."""
    arc = Arc(body, body.front_arc)
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


def rear_window(skin: Skin, body: Profile, shape: BodyShape, details: Details) -> None:
    """Rear glass with wiper or brake light, and the stickers of the rear."""
    arc = Arc(body, body.rear_arc)
    heights = np.linspace(shape.deck + 0.06, shape.roof_edge - 0.05, 6)
    edge = [(0.92 * body.face_half(z), arc(z)) for z in heights]
    outline = [(-a, b) for a, b in edge] + edge[::-1]
    skin.line("rear", outline, 0.04, DARK, is_closed=True)
    skin.polygon("rear", outline, GLASS, "glass")
    low, high = edge[0][1], edge[-1][1]
    reach = 0.7 * edge[-1][0]
    if shape.body_type in ("hatchback", "suv", "van", "wagon", "mpv"):
        skin.line("rear", [(0.0, low + 0.02), (0.38, low + 0.10)], 0.025, DARK)
        skin.rectangle("rear", (0, high + 0.03), (0.36, 0.045), (0.6, 0.03, 0.04), "lamp")
    if shape.body_type == "box_truck":
        return
    for sign in details.signs:
        if sign.place == "rear":
            draw_sign(skin, "rear", sign, (reach * sign.along, low + (0.3 + 0.5 * sign.up) * (high - low)))
