"""What models with part attention look at, as PGAN's figures 1, 4 and 5 show it: weighted boxes, and a map of heat."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.attention import AttentionForm, form_of
from pipeline.report.figures import heat, thumbnail
from pipeline.report.pictures import Captioned, picture, weighted_parts_picture
from pipeline.report.selection import attributes, first_occurrences, varied_rows
from pipeline.report.sheets import SheetRow, Sheets
from pipeline.report.sources import ReportParams, Sources
from pipeline.store import hdf5

Thumbnails = dict[int, NDArray[np.uint8]]
"""Row -> its image as shown."""


def attention_sheets(sources: Sources, params: ReportParams) -> Sheets | None:
    """Test images with the weighted boxes and the heat map of each model; None where there are none, or no attention.

    Args:
        sources: The data set's files.
        params: Sizes and counts.
    """
    store = sources.store
    rows = store.test_rows()
    rows = rows[first_occurrences(store.image_digests[rows])]
    chosen = varied_rows(attributes(store), rows, params.attention_images).tolist()
    images = {row: thumbnail(store.image(row), params.sheet_side) for row in chosen}
    bands: list[SheetRow] = []
    for model in sources.models:
        cache = sources.attention(model)
        form = None if cache is None else form_of(cache.header)
        if cache is not None and form is not None:
            bands += _bands(sources, model, cache, form, images, params)
    if not (images and bands):
        return None
    photographs = [Captioned(picture(image, "photograph", params.quality)) for image in images.values()]
    return Sheets(sources.name, (), params.sheet_side, [[SheetRow("Photograph", "", photographs), *bands]])


def _bands(
    sources: Sources, model: str, cache: hdf5.Cache, form: AttentionForm, images: Thumbnails, params: ReportParams
) -> Sequence[SheetRow]:
    """The weighted boxes of one model, where it weighs boxes, and its heat maps."""
    rows = cache["rows"][()].tolist()
    places = {row: rows.index(row) for row in images}
    heats = [_heat(image, cache["cells"][places[row]], form, params) for row, image in images.items()]
    warm = SheetRow(f"{model}: where it looks", "brightest at the greatest weight, which stands below", heats)
    if not form.top_d:
        return [warm]
    note = f"the {form.top_d} boxes it weighs, broader and less faint the more they count; numbered from the surest"
    boxes = [_boxes(sources, row, image, cache["weights"][places[row]], params) for row, image in images.items()]
    return [SheetRow(f"{model}: weight of each part box", note, boxes), warm]


def _boxes(
    sources: Sources, row: int, image: NDArray[np.uint8], weights: NDArray[np.float32], params: ReportParams
) -> Captioned:
    parts, first = sources.parts, slice(len(weights))
    return weighted_parts_picture(
        image, parts["boxes"][row][first], parts["labels"][row][first], weights, params.quality
    )


def _heat(image: NDArray[np.uint8], cells: NDArray[np.float32], form: AttentionForm, params: ReportParams) -> Captioned:
    text = f"up to {100 * cells.max():.0f} %"
    return Captioned(picture(heat(image, cells, form.first, form.step), text, params.quality), text)
