"""Pictures as a page shows them: held by the page itself, with part boxes over them, tints and captions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.report.figures import PART_COLOUR, SURFACE_COLOUR, VIEW_COLOURS, data_uri, tint_views
from pipeline.store.vocabulary import PART_CLASSES, VIEWS

TAG = 10
"""Side of the number beside a box, pixels."""
STRIPE_ANGLES = (None, 135, 45, None)
"""Direction of the stripes of `VIEWS` and of no single view in a legend, degrees as in CSS; None is plain."""


@dataclass(frozen=True)
class Box:
    """The outline of a part over a picture, pixels.

    Attributes:
        left: Its left edge.
        top: Its upper edge.
        width: From its left to its right edge.
        height: From its upper to its lower edge.
        tag_left: Left edge of its number's square, inside the picture.
        tag_top: Upper edge of that square.
        tag: Side of that square.
        strength: How strongly it is drawn, in [0, 1]; None for plain boxes.
    """

    tag: ClassVar[int] = TAG

    left: float
    top: float
    width: float
    height: float
    tag_left: float
    tag_top: float
    strength: float | None = None


@dataclass(frozen=True)
class Picture:
    """An image held by the page itself.

    Attributes:
        address: Its ``data:`` address.
        width: Pixels.
        height: Pixels.
        description: Said to those who cannot see it; "" for decoration.
        boxes: Numbered outlines laid over it, 1 for the first.
    """

    address: str
    width: int
    height: int
    description: str
    boxes: Sequence[Box] = ()


@dataclass(frozen=True)
class Captioned:
    """A picture and what stands below it.

    Attributes:
        picture: The picture; None where there is none to show.
        caption: A line below it; "" for none.
        names: Names of its boxes, a line each, below it.
    """

    picture: Picture | None
    caption: str = ""
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Tint:
    """An entry of the legend of view masks.

    Attributes:
        name: What is tinted so.
        colour: RGB, 0 to 255 each.
        stripes: Direction of its stripes, degrees as in CSS; None for a plain tint.
    """

    name: str
    colour: tuple[int, int, int]
    stripes: int | None


@dataclass(frozen=True)
class Bar:
    """What the whole vehicle, one view or one part class had to say of a pair of images.

    Attributes:
        tint: Its name and colour.
        percent: Its weight, in percent of all.
        distance: Between the two images by it alone; None where that is not shown.
        length: That distance in percent of the longest shown beside it.
    """

    tint: Tint
    percent: float
    distance: float | None = None
    length: float = 0


def view_bars(
    weights: NDArray[np.float32], distances: NDArray[np.float32] | None = None, longest: float = 0
) -> list[Bar]:
    """Bars of the whole, of each view, and of each part class that both images show; none for no weights.

    Args:
        weights: `(P,)` in [0, 1], of the first P of `BLOCKS`.
        distances: `(P,)`, likewise; None leaves them out.
        longest: The distance whose bar is full.
    """
    *views, whole = view_tints("whole")
    parts = [Tint(name.replace("_", " "), PART_COLOUR, None) for name in PART_CLASSES]
    tints = [whole, *views, *parts][: len(weights)]
    shown = [place for place, weight in enumerate(weights) if place <= len(views) or weight > 0]
    bars = [Bar(tints[place], 100 * float(weights[place])) for place in shown]
    if distances is None:
        return bars
    unit = max(longest, 1e-9) / 100
    told = [float(distances[place]) for place in shown]
    return [replace(bar, distance=own, length=own / unit) for bar, own in zip(bars, told, strict=True)]


def block_tints(count: int) -> list[Tint]:
    """Legend of view masks and of the bars of the first `count` of `BLOCKS`."""
    tints = view_tints("whole vehicle")
    return [*tints, Tint("a part", PART_COLOUR, None)] if count > len(tints) else tints


def view_tints(other: str = "") -> list[Tint]:
    """Tints of `VIEWS`, then of what is no single view.

    Args:
        other: Name of the last one; "" leaves it out.
    """
    names = [*VIEWS, other] if other else VIEWS
    tints = zip(names, (*VIEW_COLOURS, SURFACE_COLOUR), STRIPE_ANGLES, strict=False)
    return [Tint(name, colour, angle) for name, colour, angle in tints]


def picture(
    image: NDArray[np.uint8],
    description: str,
    quality: int,
    boxes: NDArray[np.float32] | None = None,
    strengths: NDArray[np.float32] | None = None,
) -> Picture:
    """Encode an image.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        description: Said to those who cannot see it.
        quality: WebP's quality, 1 to 100.
        boxes: `(D, 4)` float32, xyxy in [0, 1], to lay over it.
        strengths: `(D,)` float32 in [0, 1], how strongly each is drawn; None draws all alike.
    """
    height, width = image.shape[:2]
    over = [] if boxes is None else [_box(box, width, height) for box in boxes]
    if strengths is not None:
        over = [replace(box, strength=float(strength)) for box, strength in zip(over, strengths, strict=True)]
    return Picture(data_uri(image, quality), width, height, description, over)


def _box(box: NDArray[np.float32], width: int, height: int) -> Box:
    left, top, right, bottom = (float(value) for value in box * np.array([width, height, width, height]))
    tag_left = min(max(left, 0.0), width - TAG)
    tag_top = top - TAG if top >= TAG else min(top, height - TAG)
    return Box(left, top, right - left, bottom - top, tag_left, tag_top)


def parts_picture(
    image: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    labels: NDArray[np.uint8],
    scores: NDArray[np.float32],
    quality: int,
) -> Captioned:
    """Picture with numbered part boxes over it, and their names and scores in percent below.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        boxes: `(D, 4)` float32, xyxy in [0, 1].
        labels: `(D,)` uint8, index into `PART_CLASSES`.
        scores: `(D,)` float32 in [0, 1].
        quality: WebP's quality, 1 to 100.
    """
    names = [
        f"{number} {PART_CLASSES[label].replace('_', ' ')} {100 * score:.0f}"
        for number, (label, score) in enumerate(zip(labels, scores, strict=True), 1)
    ]
    return Captioned(picture(image, "; ".join(names), quality, np.asarray(boxes, np.float32)), names=names)


def weighted_parts_picture(
    image: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    labels: NDArray[np.uint8],
    weights: NDArray[np.float32],
    quality: int,
) -> Captioned:
    """Picture with numbered part boxes over it, stronger the more they weigh; below, the greatest weight first.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        boxes: `(D, 4)` float32, xyxy in [0, 1].
        labels: `(D,)` uint8, index into `PART_CLASSES`.
        weights: `(D,)` float32 in [0, 1].
        quality: WebP's quality, 1 to 100.
    """
    names = [
        f"{place + 1} {PART_CLASSES[labels[place]].replace('_', ' ')} {100 * weights[place]:.0f} %"
        for place in np.argsort(-weights, kind="stable")
    ]
    strengths = np.asarray(weights / max(float(weights.max(initial=0)), 1e-9), np.float32)
    drawn = picture(image, "; ".join(names), quality, np.asarray(boxes, np.float32), strengths)
    return Captioned(drawn, names=names)


def views_picture(
    image: NDArray[np.uint8], masks: NDArray[np.uint8], ratios: NDArray[np.float32], quality: int
) -> Captioned:
    """Picture tinted by its view masks, and each view's share of their area below.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        masks: `(3, S, S)` uint8, order `VIEWS`.
        ratios: `(3,)` float32 in [0, 1].
        quality: WebP's quality, 1 to 100.
    """
    text = ", ".join(f"{view} {100 * ratio:.0f} %" for view, ratio in zip(VIEWS, ratios, strict=True))
    return Captioned(picture(tint_views(image, masks), text, quality), text)
