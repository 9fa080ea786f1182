"""Boxes of vehicles on whole frames, whatever file they come from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FrameBox:
    """One vehicle on one frame.

    Attributes:
        place: The frame's place in its `Footage`.
        box: Left, top, right and bottom, pixels of the upright frame, possibly outside it.
        label: Class as the file gives it, "" where it gives none.
        track: Number of its track, "" where it has none.
        score: Of the detector; 1 where the file gives none.
        facts: Its attributes by name.
        size: Height and width of the frame it was drawn on, pixels; None where the file does not say.
        where: File and place in it, for messages.
    """

    place: int
    box: tuple[float, float, float, float]
    label: str
    track: str
    score: float
    where: str
    facts: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None


def number(text: str, where: str, what: str) -> float:
    """A finite number from a field of a file.

    Args:
        text: The field.
        where: File and line.
        what: What the number is, for messages.

    Raises:
        ValueError: It is none.
    """
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"{where}: expected a number as {what}, got {text!r}") from error
    if not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number as {what}, got {text!r}")
    return value


def whole(text: str, where: str, what: str) -> int:
    """A whole number from a field of a file, which may be written ``3.0``; raises as `number`."""
    value = number(text, where, what)
    if value != int(value):
        raise ValueError(f"{where}: expected a whole number as {what}, got {text!r}")
    return int(value)


def corners(left: float, top: float, width: float, height: float, where: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a box.

    Raises:
        ValueError: It has no area.
    """
    if width <= 0 or height <= 0:
        raise ValueError(f"{where}: expected a box with a positive width and height, got {width:g} x {height:g}")
    return left, top, left + width, top + height
