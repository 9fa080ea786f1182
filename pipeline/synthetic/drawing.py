"""What the painters of front, rear and sides share: tones, heights along a face, stickers."""

import numpy as np

from pipeline.synthetic.loft import Array, Profile
from pipeline.synthetic.skin import Color, Outline, Skin
from pipeline.synthetic.specs import Sign

DARK: Color = (0.035, 0.035, 0.04)
GLASS: Color = (0.05, 0.06, 0.06)


class Arc:
    """Height above the ground -> distance along a face's middle line, metres."""

    def __init__(self, body: Profile, arc: Array) -> None:
        self._z, self._arc = body.z, arc

    def __call__(self, z: float) -> float:
        """Distance along the face of height `z`."""
        return float(np.interp(z, self._z, self._arc))


def shrunk(outline: Outline, share: float) -> Outline:
    """The outline scaled about its middle."""
    points = np.asarray(outline)
    middle = points.mean(0)
    return [(float(a), float(b)) for a, b in middle + share * (points - middle)]


def darker(color: Color) -> Color:
    """The colour of a gap in a panel of colour `color`."""
    return 0.55 * color[0], 0.55 * color[1], 0.55 * color[2]


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
