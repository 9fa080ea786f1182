"""Small pieces of HTML, each a function that returns text; everything that comes from data is escaped here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from pipeline.report.figures import data_uri

TAG = 10
"""Side of the number beside a box, pixels."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table of numbers.

    Attributes:
        text: What it shows; "" shows a dash.
        share: Length of the bar behind the number, in [0, 1]; None draws none.
        best: Whether it is the best of its column within its group.
    """

    text: str
    share: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Group:
    """Rows of a table under one title.

    Attributes:
        title: Said above them; "" says nothing.
        rows: A row head and its cells, each.
    """

    title: str
    rows: Sequence[tuple[str, Sequence[Cell]]]


def percent(value: float | None) -> str:
    """Format a share in [0, 1] as percent with one decimal, "" for None."""
    return "" if value is None else f"{100 * value:.1f}"


def section(identifier: str, title: str, *content: str) -> str:
    """A section of the page that the navigation links to; "" when there is no content."""
    body = "".join(content)
    if not body:
        return ""
    return f'<section id="{escape(identifier)}"><h2>{escape(title)}</h2>{body}</section>'


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def table(caption: str, heads: Sequence[str], groups: Iterable[Group]) -> str:
    """A table of numbers, rows in groups.

    Args:
        caption: Said above it.
        heads: Column heads, the first above the row heads.
        groups: Its rows.
    """
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="numbers">'
        f"<caption><span>{escape(caption)}</span></caption><thead><tr>{head}</tr></thead>"
        f"{''.join(_group(group, len(heads)) for group in groups)}</table></div>"
    )


def _group(group: Group, columns: int) -> str:
    title = f'<tr class="group"><th colspan="{columns}" scope="rowgroup"><span>{escape(group.title)}</span></th></tr>'
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(_cell(cell) for cell in cells)}</tr>'
        for name, cells in group.rows
    )
    return f"<tbody>{title if group.title else ''}{rows}</tbody>"


def _cell(cell: Cell) -> str:
    style = "" if cell.share is None else f' style="--share:{100 * cell.share:.1f}%" class="bar"'
    text = escape(cell.text) or "–"
    return f"<td{style}>{f'<b>{text}</b>' if cell.best else text}</td>"


def picture(image: NDArray[np.uint8], description: str, quality: int, overlay: str = "") -> str:
    """An image held by the page itself.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        description: Said to those who cannot see it.
        quality: WebP's quality, 1 to 100.
        overlay: SVG element laid over it.
    """
    height, width = image.shape[:2]
    tag = (
        f'<img src="{data_uri(image, quality)}" width="{width}" height="{height}" alt="{escape(description)}" '
        'decoding="async">'
    )
    return f'<span class="layers">{tag}{overlay}</span>' if overlay else tag


def boxes_overlay(boxes: NDArray[np.float32], image: NDArray[np.uint8]) -> str:
    """Numbered box outlines over a picture, 1 for the first.

    Args:
        boxes: `(D, 4)` float32, xyxy in [0, 1].
        image: The picture, `(H, W, 3)`, for its size.
    """
    height, width = image.shape[:2]
    shapes = []
    for number, box in enumerate(boxes, 1):
        left, top, right, bottom = (float(value) for value in box * np.array([width, height, width, height]))
        at_x = min(max(left, 0.0), width - TAG)
        at_y = top - TAG if top >= TAG else min(top, height - TAG)
        shapes.append(
            f'<g class="box-{(number - 1) % 4}"><rect class="box" x="{left:.1f}" y="{top:.1f}" '
            f'width="{right - left:.1f}" height="{bottom - top:.1f}"/><rect class="tag" x="{at_x:.1f}" '
            f'y="{at_y:.1f}" width="{TAG}" height="{TAG}"/><text x="{at_x + TAG / 2:.1f}" y="{at_y + TAG - 2:.1f}" '
            f'text-anchor="middle">{number}</text></g>'
        )
    return f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{"".join(shapes)}</svg>'
