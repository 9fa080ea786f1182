"""The skin of a vehicle: one atlas that says, for every point of its surface, colour, material, part and view."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import circle
from pipeline.synthetic.mesh import Floats

Color = tuple[float, float, float]
Outline = Sequence[tuple[float, float]]

MATERIALS: dict[str, int] = {
    "paint": 0,
    "glass": 1,
    "chrome": 2,
    "plastic": 3,
    "lamp": 4,
    "rubber": 5,
    "hole": 6,
    "decal": 7,
    "emissive": 8,
}
"""Name -> code in `Skin.material`; how each looks is in `render`."""

FRONT, REAR, LEFT, NO_VIEW, RIGHT = range(1, 6)
"""Values of `Skin.view`; 0 is kept for pixels without a vehicle."""

SUBPIXEL = 3


@dataclass(frozen=True)
class Region:
    """A rectangle of the atlas that stands for a piece of surface measured in metres.

    Attributes:
        column: Leftmost pixel.
        row: Topmost pixel.
        low: Metres (along, up) at the lower corner.
        high: Metres at the upper corner.
        scale: Pixels a metre.
        is_mirrored: Whether the first coordinate runs from right to left.
    """

    column: int
    row: int
    low: tuple[float, float]
    high: tuple[float, float]
    scale: float
    is_mirrored: bool

    def to_pixels(self, along: NDArray[np.floating], up: NDArray[np.floating]) -> Floats:
        """Atlas positions `(..., 2)` float32 of points in metres, kept half a pixel inside the region."""
        along = self.high[0] - along if self.is_mirrored else along - self.low[0]
        width, height = (np.subtract(self.high, self.low)) * self.scale
        x = np.clip(along * self.scale, 1, width - 2) + self.column
        y = np.clip((self.high[1] - up) * self.scale, 1, height - 2) + self.row
        return np.stack([x, y], -1).astype(np.float32)


class Skin:
    """Atlas and pencils. Regions and swatches first, then drawing, later drawings on top.

    Attributes:
        albedo: `(H, W, 3)` uint8, sRGB.
        material: `(H, W)` uint8, values of `MATERIALS`.
        part: `(H, W)` uint8, 0 or 1 + index into `parts`.
        view: `(H, W)` uint8, `FRONT`, `REAR`, `LEFT`, `RIGHT` or `NO_VIEW`.
        parts: Class name of every part instance.
        regions: Regions by name.
    """

    def __init__(self, sizes: dict[str, tuple[tuple[float, float], tuple[float, float], int]], scale: float):
        """Lay out regions.

        Args:
            sizes: Name -> (low corner, high corner, view); names with "left" or "rear" are mirrored,
                so that whoever looks at the surface reads text from left to right.
            scale: Pixels a metre.
        """
        self.parts: list[str] = []
        self._places: dict[tuple[str, str], int] = {}
        self.regions: dict[str, Region] = {}
        self.scale = scale
        row = 16
        for name, (low, high, _) in sizes.items():
            is_mirrored = "left" in name or "rear" in name
            self.regions[name] = Region(0, row, low, high, scale, is_mirrored)
            row += int(np.ceil((high[1] - low[1]) * scale)) + 2
        width = max(int(np.ceil((high[0] - low[0]) * scale)) for low, high, _ in sizes.values()) + 2
        self.albedo = np.zeros((row, max(width, 8 * 48), 3), np.uint8)
        self.material = np.zeros(self.albedo.shape[:2], np.uint8)
        self.part = np.zeros_like(self.material)
        self.view = np.zeros_like(self.material)
        self._swatches = 0
        for name, (low, high, label) in sizes.items():
            start = self.regions[name].row
            self.view[start : start + int(np.ceil((high[1] - low[1]) * scale)) + 2] = label

    def add_part(self, name: str, place: str = "") -> int:
        """Register a part instance of class `name`; returns the value it has in `part`.

        A part that spans several regions is registered once for each with the same `place`, and is one instance.
        """
        value = self._places.get((name, place)) if place else None
        if value is None:
            self.parts.append(name)
            value = self._places[name, place] = len(self.parts)
        return value

    def swatch(self, color: Color, material: str, part: int = 0, view: int = NO_VIEW) -> tuple[float, float]:
        """Reserve a patch of one colour (sRGB in [0, 1]) and return its middle in the atlas, pixels."""
        column = 8 * (self._swatches % (self.albedo.shape[1] // 8))
        row = 8 * (self._swatches // (self.albedo.shape[1] // 8))
        if row > 8:
            raise ValueError(f"no room for swatch {self._swatches}")
        self._swatches += 1
        place = slice(row, row + 8), slice(column, column + 8)
        self.albedo[place] = _bytes(color)
        self.material[place] = MATERIALS[material]
        self.part[place], self.view[place] = part, view
        return column + 3.5, row + 3.5

    def fill(self, region: str, color: Color, material: str) -> None:
        """Paint a whole region."""
        place = self.regions[region]
        height = int(np.ceil((place.high[1] - place.low[1]) * place.scale)) + 2
        self.albedo[place.row : place.row + height] = _bytes(color)
        self.material[place.row : place.row + height] = MATERIALS[material]

    def polygon(
        self,
        region: str,
        outline: Outline,
        color: Color,
        material: str,
        part: int | None = None,
        view: int | None = None,
    ) -> None:
        """Fill a polygon given in metres of the region; `part` and `view` None leave what is there."""
        points = self._points(region, outline)
        cv2.fillPoly(self.albedo, [points], _bytes(color), cv2.LINE_AA, SUBPIXEL)
        for canvas, value in ((self.material, MATERIALS[material]), (self.part, part), (self.view, view)):
            if value is not None:
                cv2.fillPoly(canvas, [points], (float(value),), cv2.LINE_8, SUBPIXEL)

    def rectangle(
        self,
        region: str,
        center: tuple[float, float],
        size: tuple[float, float],
        color: Color,
        material: str,
        part: int | None = None,
    ) -> None:
        """Fill an upright rectangle, metres."""
        (a, b), (width, height) = center, size
        corners = [(a - width / 2, b - height / 2), (a + width / 2, b - height / 2)]
        corners += [(a + width / 2, b + height / 2), (a - width / 2, b + height / 2)]
        self.polygon(region, corners, color, material, part)

    def ellipse(
        self,
        region: str,
        center: tuple[float, float],
        radii: tuple[float, float],
        color: Color,
        material: str,
        part: int | None = None,
    ) -> None:
        """Fill an ellipse with half axes `radii`, metres."""
        outline = np.asarray(center) + np.asarray(radii) * circle(24)
        self.polygon(region, outline.tolist(), color, material, part)

    def line(self, region: str, outline: Outline, width: float, color: Color, is_closed: bool = False) -> None:
        """Draw a line `width` metres thick; it changes the colour only."""
        thickness = max(1, round(width * self.scale))
        cv2.polylines(
            self.albedo, [self._points(region, outline)], is_closed, _bytes(color), thickness, cv2.LINE_AA, SUBPIXEL
        )

    def text(self, region: str, center: tuple[float, float], height: float, words: str, color: Color) -> None:
        """Write `words` around `center`, capitals `height` metres tall; it changes the colour only."""
        font = cv2.FONT_HERSHEY_SIMPLEX
        size = height * self.scale / 21.0
        thickness = max(1, round(2.6 * size))
        (width, tall), _ = cv2.getTextSize(words, font, size, thickness)
        column, row = self._points(region, [center])[0, 0] / 2**SUBPIXEL
        origin = int(column - width / 2), int(row + tall / 2)
        cv2.putText(self.albedo, words, origin, font, size, _bytes(color), thickness, cv2.LINE_AA)

    def _points(self, region: str, outline: Outline) -> NDArray[np.int32]:
        """Metres -> fixed-point atlas positions `(N, 1, 2)`."""
        array = np.asarray(outline, np.float64)
        pixels = self.regions[region].to_pixels(array[:, 0], array[:, 1])
        return np.asarray(np.round(pixels * 2**SUBPIXEL), np.int32)[:, None]


def _bytes(color: Color) -> tuple[int, int, int]:
    """An sRGB colour in [0, 1] as 8-bit values."""
    r, g, b = (int(round(255 * min(max(float(value), 0.0), 1.0))) for value in color)
    return r, g, b
