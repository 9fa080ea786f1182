"""One image on its way through the pipeline, as one picture: photograph, masks, boxes, views, and who was found."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.report.figures import CONTOUR_COLOUR, cut_out, thumbnail, tint_views
from pipeline.report.sources import Sources
from pipeline.store.vocabulary import VIEWPOINTS

SIDE = 200
"""Longer side of each picture, pixels."""
MARGIN, CAPTION = 8, 24
PARTS = 8
RIGHT_COLOUR, WRONG_COLOUR = (40, 150, 60), (200, 80, 20)


def pipeline_strip(sources: Sources, model: str, row: int | None = None) -> NDArray[np.uint8]:
    """Draw what every stage makes of one query, and the gallery image that a model finds first.

    Args:
        sources: A data set's files.
        model: The model that searches.
        row: The query's row; None takes the first right answer to a query of two views.

    Returns:
        `(H, W, 3)` uint8, RGB.

    Raises:
        ValueError: The row is no query of the model's ranking.
    """
    ranking = sources.ranking(model)
    queries = ranking.rows.tolist()
    if row is not None and row not in queries:
        raise ValueError(f"{sources.store.path}: row {row} is no query of {model}'s ranking")
    place = queries.index(row) if row is not None else _telling(sources, ranking.rows, ranking.match)
    query, found = queries[place], int(ranking.gallery[place, 0])
    store, right = sources.store, bool(ranking.match[place, 0])
    image = thumbnail(store.image(query), SIDE)
    panels = {
        "photograph": image,
        "GrabCut seed": cut_out(image, sources.grabcut["masks"][query]),
        "foreground": cut_out(image, sources.foreground["masks"][query]),
        "parts": _with_boxes(image, sources.parts["boxes"][query][:PARTS]),
        "views": tint_views(image, sources.part_masks["masks"][query]),
        f"found by {model}": _framed(thumbnail(store.image(found), SIDE), RIGHT_COLOUR if right else WRONG_COLOUR),
    }
    return _side_by_side(panels)


def _telling(sources: Sources, rows: NDArray[np.int64], match: NDArray[np.bool_]) -> int:
    """Place of the first query of two views whose nearest image is right, or of the first query."""
    two_views = [name for name, shown in VIEWPOINTS.items() if sum(shown) == 2]
    codes = [list(VIEWPOINTS).index(name) for name in two_views]
    return int(np.argmax(match[:, 0] & np.isin(sources.store.viewpoints[rows], codes)))


def _with_boxes(image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.uint8]:
    drawn, (height, width) = image.copy(), image.shape[:2]
    for left, top, right, bottom in np.rint(boxes * [width, height, width, height]).astype(int).tolist():
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), CONTOUR_COLOUR, 1, cv2.LINE_AA)
    return drawn


def _framed(image: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.copyMakeBorder(image, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=colour), np.uint8)


def _side_by_side(panels: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures in a row, on white, each with its caption below."""
    height = max(panel.shape[0] for panel in panels.values())
    widths = [panel.shape[1] for panel in panels.values()]
    canvas = Image.new("RGB", (sum(widths) + MARGIN * (len(panels) + 1), height + CAPTION + 2 * MARGIN), "white")
    draw, font, left = ImageDraw.Draw(canvas), ImageFont.load_default(14), MARGIN
    for (caption, panel), width in zip(panels.items(), widths, strict=True):
        canvas.paste(Image.fromarray(panel), (left, MARGIN + (height - panel.shape[0]) // 2))
        draw.text((left + width / 2, MARGIN + height + 4), caption, fill="#333333", font=font, anchor="ma")
        left += width + MARGIN
    return np.asarray(canvas, np.uint8)
