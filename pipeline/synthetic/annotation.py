"""Ground truth of one picture: part boxes, view label map, image-level viewpoint."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.store.vocabulary import PART_CLASSES, VIEWPOINTS
from pipeline.synthetic.mesh import Floats
from pipeline.synthetic.render import Frame
from pipeline.synthetic.skin import LEFT, RIGHT

Bytes = NDArray[np.uint8]

SMALLEST_PART = 60
"""Fewest visible pixels of an annotated part, at the picture's resolution."""

SHORTEST_SIDE = 8
"""Shortest side of an annotated box, pixels."""

VISIBLE_SHARE = 0.35
"""Smallest share of a part's pixels that other vehicles and poles must leave visible."""

NOTICEABLE_SHARE = 0.14
"""Share of the front, rear and side area, seen from street level, from which a view is named."""


@dataclass(frozen=True)
class PartBox:
    """One visible part.

    Attributes:
        name: Class, one of `PART_CLASSES`.
        box: Left, top, width, height in pixels.
        area: Visible pixels.
    """

    name: str
    box: tuple[int, int, int, int]
    area: int


def visible_parts(frame: Frame, hidden: NDArray[np.bool_], names: list[str]) -> list[PartBox]:
    """Boxes of the parts one can see.

    Args:
        frame: The vehicle alone, at the picture's resolution.
        hidden: `(H, W)` bool, true where something stands in front of it.
        names: Class of each part instance, as in its skin.

    Returns:
        One entry an instance, in the order of `names`. A windscreen includes what is stuck on it.
    """
    screen = names.index("windshield_glass") + 1
    on_glass = np.isin(frame.part, [i + 1 for i, name in enumerate(names) if name in _ON_WINDSCREEN])
    boxes = []
    present = np.union1d(np.unique(frame.part), np.unique(frame.inner))
    for value in present[present > 0]:
        mask = (frame.part == value) | (frame.inner == value)
        if value == screen:
            mask |= on_glass
        seen = mask & ~hidden
        area = int(seen.sum())
        if area < SMALLEST_PART or area < VISIBLE_SHARE * int(mask.sum()):
            continue
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        width, height = int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1
        if min(width, height) >= SHORTEST_SIDE:
            boxes.append(PartBox(names[value - 1], (int(columns[0]), int(rows[0]), width, height), area))
    return boxes


_ON_WINDSCREEN = ("annual_service_signs", "entry_license")


def label_map(view: Bytes) -> Bytes:
    """Views of a frame `(H, W)` as labels: 0 nothing, 1 front, 2 rear, 3 side, 4 no single view."""
    return np.where(view == RIGHT, LEFT, view).astype(np.uint8)


def viewpoint(view: Bytes, level: Floats) -> str:
    """Name of the viewpoint that a careful person would give, one of `VIEWPOINTS`.

    Areas count as they would from street level, so that bonnet, windscreen and boot seen from above do not
    make a side view a front view. Of the two sides, the smaller is taken off the larger: from straight ahead
    one sees a sliver of both. A view is named when it makes up `NOTICEABLE_SHARE` of front, rear and side; of
    front and rear only the larger can be named.

    Args:
        view: `(H, W)` uint8, `FRONT`, `REAR`, `LEFT`, `RIGHT`, other values elsewhere.
        level: `(H, W)` float32 in [0, 1], share of each pixel that counts.
    """
    front, rear, left, _, right = np.bincount(view.ravel(), level.ravel(), minlength=6)[1:6]
    areas = np.array([front * (front >= rear), rear * (rear > front), abs(left - right)])
    shown = tuple(int(share >= NOTICEABLE_SHARE) for share in areas / max(front + rear + left + right, 1e-6))
    for name, views in VIEWPOINTS.items():
        if views == shown:
            return name
    raise ValueError(f"picture of shape {view.shape} shows no vehicle: areas {areas.tolist()}")


def category_id(name: str) -> int:
    """COCO category of a part class, 1 to 16."""
    return PART_CLASSES.index(name) + 1
