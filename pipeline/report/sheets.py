"""Contact sheets: every intermediate artifact of some images side by side, and an overview of a data set."""

from collections.abc import Callable
from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.truth import read_view_labels
from pipeline.report.figures import SURFACE_COLOUR, VIEW_COLOURS, cut_out, thumbnail, tint_labels, tint_views
from pipeline.report.markup import boxes_overlay, paragraph, picture
from pipeline.report.selection import (
    attributes,
    first_occurrences,
    shown_rows,
    varied_rows,
    viewpoint_name,
    viewpoint_names,
)
from pipeline.report.sources import ReportParams, Sources
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import PART_CLASSES, VIEWPOINTS, VIEWS

KEY_STYLES = (
    "background:{0}",
    "background:repeating-linear-gradient(135deg,{0} 0 4px,color-mix(in srgb,{0} 55%,#888) 4px 8px)",
    "background:repeating-linear-gradient(45deg,{0} 0 4px,color-mix(in srgb,{0} 55%,#888) 4px 8px)",
    "background:{0}",
)


def artifact_sheets(sources: Sources, params: ReportParams) -> str:
    """One row an artifact, one column an image; images vary in viewpoint, type and camera.

    Args:
        sources: The data set's files.
        params: Sizes and counts.
    """
    rows = varied_rows(attributes(sources.store), shown_rows(sources.store), params.sheet_images)
    pieces = [rows[start : start + params.sheet_columns] for start in range(0, len(rows), params.sheet_columns)]
    sheets = "".join(_sheet(sources, piece, params) for piece in pieces)
    return f"<h3>{escape(sources.name)}</h3>{view_key()}{sheets}"


def _sheet(sources: Sources, rows: NDArray[np.int64], params: ReportParams) -> str:
    images = {int(row): thumbnail(sources.store.image(int(row)), params.sheet_side) for row in rows}
    known = any(read_view_labels(sources.truth, row) is not None for row in images)
    bands = [band for band in BANDS if known or band.draw is not _truth]
    body = "".join(
        f'<tbody><tr class="what"><th colspan="{len(rows)}" scope="rowgroup"><span>{escape(band.title)} '
        f"<small>{escape(band.note)}</small></span></th></tr><tr>"
        + "".join(f"<td>{band.draw(sources, row, image, params)}</td>" for row, image in images.items())
        + "</tr></tbody>"
        for band in bands
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Artifacts of {escape(sources.name)}">'
        f'<table class="sheet" style="--side:{params.sheet_side}px">{body}</table></div>'
    )


def view_key(further: tuple[str, ...] = ("vehicle surface of no single view (truth only)",)) -> str:
    """Legend of the view masks' colours, and what else is shown in grey."""
    items = "".join(
        f'<li><i style="{style}"></i>{escape(name)}</li>'
        for name, style in zip((*VIEWS, *further), view_styles(), strict=False)
    )
    return f'<ul class="key" aria-label="Colours of the view masks">{items}</ul>'


def view_styles() -> list[str]:
    """CSS declaration that fills with the colour and stripes of each of `VIEWS`, then of no single view."""
    colours = ["rgb({},{},{})".format(*colour) for colour in (*VIEW_COLOURS, SURFACE_COLOUR)]
    return [style.format(colour) for style, colour in zip(KEY_STYLES, colours, strict=True)]


def _photograph(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> str:
    store = sources.store
    camera = store.camera_ids[row]
    facts = [
        viewpoint_name(store, row) or "no viewpoint",
        *(store.groups[name][row] for name in ("color", "type") if name in store.groups),
        f"camera {camera}" if camera else "",
        store.splits[row],
    ]
    text = " · ".join(str(fact) for fact in facts if fact)
    return picture(image, text, params.quality) + f"<small>{escape(text)}</small>"


def _seed(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> str:
    failed = bool(sources.grabcut["failed"][row])
    drawn = picture(cut_out(image, sources.grabcut["masks"][row]), "GrabCut mask", params.quality)
    return drawn + ("<small>failed</small>" if failed else "")


def _foreground(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> str:
    return picture(cut_out(image, sources.foreground["masks"][row]), "foreground mask", params.quality)


def _parts(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> str:
    cache, count = sources.parts, params.parts_shown
    boxes, labels, scores = (cache[name][row][:count] for name in ("boxes", "labels", "scores"))
    return parts_figure(image, boxes, labels, scores, params.quality)


def parts_figure(
    image: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    labels: NDArray[np.uint8],
    scores: NDArray[np.float32],
    quality: int,
) -> str:
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
    lines = "<br>".join(escape(name) for name in names)
    drawn = picture(image, "; ".join(names), quality, boxes_overlay(np.asarray(boxes, np.float32), image))
    return f'{drawn}<small class="list">{lines}</small>'


def _views(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> str:
    cache = sources.part_masks
    return views_figure(image, cache["masks"][row], cache["area_ratios"][row], params.quality)


def views_figure(image: NDArray[np.uint8], masks: NDArray[np.uint8], ratios: NDArray[np.float32], quality: int) -> str:
    """Picture tinted by its view masks, and each view's share of their area below.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        masks: `(3, S, S)` uint8, order `VIEWS`.
        ratios: `(3,)` float32 in [0, 1].
        quality: WebP's quality, 1 to 100.
    """
    text = ", ".join(f"{view} {100 * ratio:.0f} %" for view, ratio in zip(VIEWS, ratios, strict=True))
    return picture(tint_views(image, masks), text, quality) + f"<small>{text}</small>"


def _truth(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> str:
    labels = read_view_labels(sources.truth, row)
    if labels is None:
        return "<small>not annotated</small>"
    return picture(tint_labels(image, labels), "true views", params.quality)


class Band(NamedTuple):
    """One row of a contact sheet.

    Attributes:
        title: Name of the artifact.
        note: What to look for.
        draw: Cell of one image, as HTML, from its files, row, thumbnail and the parameters.
    """

    title: str
    note: str
    draw: Callable[[Sources, int, NDArray[np.uint8], ReportParams], str]


BANDS = (
    Band("Photograph", "with its labels", _photograph),
    Band("GrabCut seed", "kept pixels outlined, the rest dimmed", _seed),
    Band("Foreground network", "trained on the seeds alone; should be better than they are", _foreground),
    Band("Part boxes", "the most confident ones, numbered from the surest, with score in percent", _parts),
    Band("View masks", "with each view's share of their area", _views),
    Band("True views", "ground truth, used for measuring only; of photographs only annotated parts are known", _truth),
)


def overview(sources: Sources, params: ReportParams) -> str:
    """Every vehicle type (rows) from every viewpoint (columns) by every camera, one image each where there is one.

    Data sets without a ``type`` column use their first other column instead, or one row for all.

    Args:
        sources: The data set's files.
        params: Sizes and counts; cameras are cut short when there would be more than `overview_images` images.
    """
    store = sources.store
    column = "type" if "type" in store.groups else next(iter(sorted(store.groups)), "")
    kinds = store.groups[column] if column else np.full(len(store), "")
    names = viewpoint_names(store)
    columns = [name for name in [*VIEWPOINTS, ""] if name in names]
    kind_names = sorted(set(kinds))
    each = max(1, params.overview_images // (len(columns) * len(kind_names)))
    across = min(3, each, len(set(store.camera_ids)))
    head = "".join(f'<th scope="col">{escape(name) or "no viewpoint"}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(kind) or "all"}</th>'
        + "".join(f"<td>{_cameras(store, (kinds == kind) & (names == name), each, params)}</td>" for name in columns)
        + "</tr>"
        for kind in kind_names
    )
    return (
        f"<h3>{escape(sources.name)}</h3>{paragraph(_describe(store, column))}"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Overview of {escape(sources.name)}">'
        f'<table class="overview" style="--across:{across}"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _describe(store: ImageStore, column: str) -> str:
    rows = f"Rows: {column}. " if column else ""
    count = len(first_occurrences(store.image_digests))
    return f"{rows}Columns: viewpoint. In a cell one image for each camera that has one; {count:,} images in all."


def _cameras(store: ImageStore, matches: NDArray[np.bool_], count: int, params: ReportParams) -> str:
    rows = np.flatnonzero(matches)
    chosen = varied_rows([store.camera_ids, store.vehicle_ids], rows, min(count, len(set(store.camera_ids[rows]))))
    shots = "".join(
        f"<div>{picture(thumbnail(store.image(int(row)), params.overview_side), '', params.quality)}"
        f"{escape(store.camera_ids[row])}</div>"
        for row in chosen
    )
    return f'<div class="cameras">{shots}</div>'
