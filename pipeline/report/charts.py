"""Line charts as inline SVG: no library, no script, colours from the page's style sheet."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 440, 270
LEFT, TOP, BOTTOM = 62, 14, 44
LABEL_GAP = 14.0
LABEL_OFFSET = 13
CHARACTER = 8.0
"""About the width of a letter of a line's name, pixels."""
SERIES_STYLES = 8


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
class Frame:
    """Where the axes lie in the picture.

    Attributes:
        x: Horizontal axis.
        y: Vertical axis.
        right: Pixels at the right edge that names take.
    """

    x: Axis
    y: Axis
    right: float

    def at_x(self, value: float) -> float:
        """Pixel column of a value."""
        return LEFT + (value - self.x.low) / (self.x.high - self.x.low) * (WIDTH - LEFT - self.right)

    def at_y(self, value: float) -> float:
        """Pixel row of a value."""
        return HEIGHT - BOTTOM - (value - self.y.low) / (self.y.high - self.y.low) * (HEIGHT - TOP - BOTTOM)


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


def line_chart(series: Sequence[Series], x: Axis, y: Axis, description: str) -> str:
    """Draw lines with their names at their ends.

    Lines differ by colour, dash and marker (CSS classes ``series-0`` to ``series-7``), so that colour is never the
    only difference.

    Args:
        series: The lines; the first `SERIES_STYLES` look different.
        x: Horizontal axis.
        y: Vertical axis.
        description: Said to those who cannot see the picture.

    Returns:
        One `<svg>` element.

    Raises:
        ValueError: A line has another number of values than positions, or a value that is not finite.
    """
    for line in series:
        if len(line.x) != len(line.y) or not all(map(math.isfinite, [*line.x, *line.y])):
            raise ValueError(f"chart line {line.name!r}: expected one finite value a position, got {list(line.y)[:5]}")
    drawn = [(index % SERIES_STYLES, line) for index, line in enumerate(series) if len(line.x)]
    longest = max((len(line.name) for _, line in drawn), default=0)
    frame = Frame(x, y, right=min(LABEL_OFFSET + CHARACTER * longest + 4, WIDTH / 2))
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(description)}">',
        *_axes(frame),
        *(_line(line, style, frame) for style, line in drawn),
        *_end_labels(drawn, frame),
        "</svg>",
    ]
    return "".join(parts)


def _axes(frame: Frame) -> list[str]:
    floor, right = HEIGHT - BOTTOM, WIDTH - frame.right
    parts = []
    for tick in frame.y.ticks:
        at = frame.at_y(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{right:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 7}" y="{at + 4:.1f}" text-anchor="end">{tick:.4g}</text>')
    for tick in frame.x.ticks:
        at = frame.at_x(tick)
        parts.append(f'<path class="axis" d="M{at:.1f} {floor}v4"/>')
        parts.append(f'<text class="tick" x="{at:.1f}" y="{floor + 17}" text-anchor="middle">{tick:.4g}</text>')
    middle_x, middle_y = (LEFT + right) / 2, (TOP + floor) / 2
    parts.append(
        f'<path class="axis" d="M{LEFT} {floor}H{right:.1f}"/>'
        f'<text x="{middle_x:.1f}" y="{HEIGHT - 7}" text-anchor="middle">{html.escape(frame.x.label)}</text>'
        f'<text transform="translate(13 {middle_y:.1f}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(frame.y.label)}</text>"
    )
    return parts


def _line(line: Series, style: int, frame: Frame) -> str:
    points = [(frame.at_x(x), frame.at_y(y)) for x, y in zip(line.x, line.y, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    markers = "".join(_marker(x, y, style) for x, y in points[:: max(1, len(points) // 6)])
    return f'<g class="series-{style}"><polyline points="{path}"/>{markers}<title>{html.escape(line.name)}</title></g>'


def _marker(x: float, y: float, style: int) -> str:
    shapes = (
        f"M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",
        f"M{x - 3:.1f} {y - 3:.1f}h6v6h-6z",
        f"M{x:.1f} {y - 4:.1f}l4 7h-8z",
        f"M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4 -4z",
    )
    return f'<path class="marker" d="{shapes[style % len(shapes)]}"/>'


def _end_labels(drawn: Sequence[tuple[int, Series]], frame: Frame) -> list[str]:
    ends = [frame.at_y(line.y[-1]) for _, line in drawn]
    right = WIDTH - frame.right
    parts = []
    for (style, line), end, at in zip(drawn, ends, spread(ends, LABEL_GAP, TOP, HEIGHT - BOTTOM), strict=True):
        parts.append(
            f'<g class="series-{style}"><path class="leader" d="M{frame.at_x(line.x[-1]) + 3:.1f} {end:.1f}'
            f'L{right + LABEL_OFFSET - 3:.1f} {at:.1f}"/><text class="name" x="{right + LABEL_OFFSET:.1f}" '
            f'y="{at + 4:.1f}">{html.escape(line.name)}</text></g>'
        )
    return parts


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
