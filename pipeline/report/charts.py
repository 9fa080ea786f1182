"""Line charts: scales, ticks and places of names. What draws them is the template `chart.html`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

WIDTH, HEIGHT = 440, 270
LEFT, TOP, BOTTOM = 62, 14, 44
LABEL_GAP = 14.0
LABEL_OFFSET = 13
CHARACTER = 8.0
"""About the width of a letter of a line's name, pixels."""
SERIES_STYLES = 8
"""Looks of lines in the style sheet; they differ by colour, dash and marker, so that colour is never the only
difference."""
MARKERS = 6
"""About how many markers a line gets."""


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: Label at the line's end.
        x: Positions, rising.
        y: Finite values, as many as `x`.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes:
        label: What it shows, with its unit.
        low: Value at its start.
        high: Value at its end, above `low`.
        ticks: Values that get a tick, a number and, on the y axis, a grid line.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[float]


@dataclass(frozen=True)
class DrawnAxis:
    """An axis in a picture.

    Attributes:
        label: What it shows, with its unit.
        ticks: A value and its pixel, each.
    """

    label: str
    ticks: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class DrawnLine:
    """A line in a picture.

    Attributes:
        name: Label at its end.
        style: Which of the `SERIES_STYLES` looks it has, from 0.
        points: Pixel column and row of every value, from left to right; not empty.
        markers: Those of the points that get a marker.
        label_row: Pixel row of the middle of its name.
    """

    name: str
    style: int
    points: Sequence[tuple[float, float]]
    markers: Sequence[tuple[float, float]]
    label_row: float


@dataclass(frozen=True)
class Chart:
    """Lines between two axes, in a picture of `WIDTH` x `HEIGHT` pixels.

    Attributes:
        description: Said to those who cannot see the picture.
        right: Pixel column at which the plot ends and the names of lines begin.
        x: Horizontal axis, from `LEFT` to `right`.
        y: Vertical axis, from the floor up to `TOP`.
        lines: What is drawn.
    """

    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT
    left: ClassVar[int] = LEFT
    top: ClassVar[int] = TOP
    floor: ClassVar[int] = HEIGHT - BOTTOM
    label_offset: ClassVar[int] = LABEL_OFFSET

    description: str
    right: float
    x: DrawnAxis
    y: DrawnAxis
    lines: Sequence[DrawnLine]


def axis(label: str, values: Sequence[float], *, count: int = 5, whole: bool = False) -> Axis:
    """Axis from 0 (or the least value below it) to a round number that covers `values`.

    Args:
        label: What the axis shows, with its unit.
        values: The values to cover; may be empty.
        count: About how many ticks.
        whole: Whether only whole numbers get ticks.
    """
    low, high = min([0.0, *values]), max([*values, 0.0])
    step = _round_step((high - low) / count or 1.0)
    step = max(1.0, math.ceil(step)) if whole else step
    first, last = math.floor(low / step + 1e-9), max(math.ceil(high / step - 1e-9), math.floor(low / step) + 1)
    return Axis(label, first * step, last * step, [index * step for index in range(first, last + 1)])


def _round_step(step: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(step))
    return next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= step * (1 - 1e-9))


def line_chart(series: Sequence[Series], x: Axis, y: Axis, description: str) -> Chart:
    """Lay out lines with their names at their ends.

    Args:
        series: The lines; the first `SERIES_STYLES` look different, lines without values are left out.
        x: Horizontal axis.
        y: Vertical axis.
        description: Said to those who cannot see the picture.

    Raises:
        ValueError: A line has another number of values than positions, or a value that is not finite.
    """
    for line in series:
        if len(line.x) != len(line.y) or not all(map(math.isfinite, [*line.x, *line.y])):
            raise ValueError(f"chart line {line.name!r}: expected one finite value a position, got {list(line.y)[:5]}")
    drawn = [(index % SERIES_STYLES, line) for index, line in enumerate(series) if len(line.x)]
    longest = max((len(line.name) for _, line in drawn), default=0)
    right = WIDTH - min(LABEL_OFFSET + CHARACTER * longest + 4, WIDTH / 2)
    columns, rows = _Scale(x, LEFT, right), _Scale(y, HEIGHT - BOTTOM, TOP)
    labels = spread([rows.at(line.y[-1]) for _, line in drawn], LABEL_GAP, TOP, HEIGHT - BOTTOM)
    lines = [_line(line, style, columns, rows, at) for (style, line), at in zip(drawn, labels, strict=True)]
    return Chart(description, right, columns.drawn(), rows.drawn(), lines)


@dataclass(frozen=True)
class _Scale:
    """An axis and the pixels at which it starts and ends."""

    axis: Axis
    start: float
    end: float

    def at(self, value: float) -> float:
        """Pixel of a value."""
        return self.start + (value - self.axis.low) / (self.axis.high - self.axis.low) * (self.end - self.start)

    def drawn(self) -> DrawnAxis:
        """The axis with the pixel of each tick."""
        return DrawnAxis(self.axis.label, [(tick, self.at(tick)) for tick in self.axis.ticks])


def _line(line: Series, style: int, columns: _Scale, rows: _Scale, label: float) -> DrawnLine:
    points = [(columns.at(x), rows.at(y)) for x, y in zip(line.x, line.y, strict=True)]
    return DrawnLine(line.name, style, points, points[:: max(1, len(points) // MARKERS)], label)


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move label positions apart until neighbours are `gap` away, as near to their wishes as a sweep finds.

    Args:
        positions: Wished positions, any order.
        gap: Least distance between two.
        low: Least position.
        high: Greatest position, exceeded only when the labels cannot all fit.

    Returns:
        Positions in the order of `positions`; their order by size is kept.
    """
    order = sorted(range(len(positions)), key=lambda index: (positions[index], index))
    placed = [0.0] * len(positions)
    limit = low
    for index in order:
        placed[index] = max(positions[index], limit)
        limit = placed[index] + gap
    limit = max(high, low + gap * (len(positions) - 1))
    for index in reversed(order):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return placed
