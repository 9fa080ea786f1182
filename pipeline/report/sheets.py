"""Contact sheets: every intermediate artifact of some images side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.parts import parts_at
from pipeline.artifacts.truth import read_view_labels
from pipeline.report.figures import cut_out, thumbnail, tint_labels
from pipeline.report.pictures import Captioned, Tint, parts_picture, picture, view_tints, views_picture
from pipeline.report.selection import attributes, shown_rows, varied_rows, viewpoint_name
from pipeline.report.sources import ReportParams, Sources


@dataclass(frozen=True)
class SheetRow:
    """One artifact of several images.

    Attributes:
        title: Name of the artifact.
        note: What to look for.
        cells: One for each image.
    """

    title: str
    note: str
    cells: Sequence[Captioned]


@dataclass(frozen=True)
class Sheets:
    """Contact sheets of one data set.

    Attributes:
        dataset: Name of the data set.
        tints: Legend of the view masks; none where there are none.
        side: Longer side of a picture, pixels.
        sheets: Rows of each sheet.
    """

    dataset: str
    tints: Sequence[Tint]
    side: int
    sheets: Sequence[Sequence[SheetRow]]


def artifact_sheets(sources: Sources, params: ReportParams) -> Sheets:
    """One row an artifact, one column an image; images vary in viewpoint, type and camera.

    Args:
        sources: The data set's files.
        params: Sizes and counts.
    """
    rows = varied_rows(attributes(sources.store), shown_rows(sources.store), params.sheet_images)
    pieces = [rows[start : start + params.sheet_columns] for start in range(0, len(rows), params.sheet_columns)]
    tints = view_tints("vehicle surface of no single view (truth only)")
    return Sheets(sources.name, tints, params.sheet_side, [_sheet(sources, piece, params) for piece in pieces])


def _sheet(sources: Sources, rows: NDArray[np.int64], params: ReportParams) -> list[SheetRow]:
    images = {int(row): thumbnail(sources.store.image(int(row)), params.sheet_side) for row in rows}
    known = any(read_view_labels(sources.truth, row) is not None for row in images)
    return [
        SheetRow(band.title, band.note, [band.draw(sources, row, image, params) for row, image in images.items()])
        for band in BANDS
        if known or band.draw is not _truth
    ]


def _photograph(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> Captioned:
    store = sources.store
    camera = store.camera_ids[row]
    facts = [
        viewpoint_name(store, row) or "no viewpoint",
        *(store.groups[name][row] for name in ("color", "type") if name in store.groups),
        f"camera {camera}" if camera else "",
        store.splits[row],
    ]
    text = " · ".join(str(fact) for fact in facts if fact)
    return Captioned(picture(image, text, params.quality), text)


def _seed(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> Captioned:
    drawn = picture(cut_out(image, sources.grabcut["masks"][row]), "GrabCut mask", params.quality)
    return Captioned(drawn, "failed" if sources.grabcut["failed"][row] else "")


def _foreground(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> Captioned:
    return Captioned(picture(cut_out(image, sources.foreground["masks"][row]), "foreground mask", params.quality))


def _parts(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> Captioned:
    found = parts_at(sources.parts, row).some(slice(params.parts_shown))
    return parts_picture(image, found.boxes, found.labels, found.scores, params.quality)


def _views(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> Captioned:
    cache = sources.part_masks
    return views_picture(image, cache["masks"][row], cache["area_ratios"][row], params.quality)


def _truth(sources: Sources, row: int, image: NDArray[np.uint8], params: ReportParams) -> Captioned:
    labels = read_view_labels(sources.truth, row)
    if labels is None:
        return Captioned(None, "not annotated")
    return Captioned(picture(tint_labels(image, labels), "true views", params.quality))


class Band(NamedTuple):
    """One row of a contact sheet.

    Attributes:
        title: Name of the artifact.
        note: What to look for.
        draw: Cell of one image, from its files, row, thumbnail and the parameters.
    """

    title: str
    note: str
    draw: Callable[[Sources, int, NDArray[np.uint8], ReportParams], Captioned]


BANDS = (
    Band("Photograph", "with its labels", _photograph),
    Band("GrabCut seed", "kept pixels outlined, the rest dimmed", _seed),
    Band("Foreground network", "trained on the seeds alone; should be better than they are", _foreground),
    Band("Part boxes", "the most confident ones, numbered from the surest, with score in percent", _parts),
    Band("View masks", "with each view's share of their area", _views),
    Band("True views", "ground truth, used for measuring only; of photographs only annotated parts are known", _truth),
)
