"""Ground truth of views from annotated part polygons."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.truth import Truth
from pipeline.datasets.annotations.coco import CocoImage, read_coco
from pipeline.datasets.annotations.matching import Matching
from pipeline.datasets.records import ImageRecord
from pipeline.store.params import parameters
from pipeline.store.vocabulary import OTHER_SURFACE, VIEWS


@parameters
class ViewPolygonsParams:
    """`prepare.view_polygons`: view masks out of annotated parts."""

    file: str
    """COCO JSON with polygons, relative to the data set's folder."""
    images: str | None
    """Folder its file names are relative to, as `prepare.parts.images`."""
    views: dict[str, str | None]
    """Category name -> ``front``, ``rear``, ``side``, ``other`` (surface of no single view) or null (left unlabelled).
    Later categories of this mapping are drawn over earlier ones."""


def polygon_truth(root: Path, records: Sequence[ImageRecord], values: ViewPolygonsParams) -> Truth:
    """Rasterise part polygons into view label maps; what no polygon covers is unlabelled.

    Args:
        root: The data set's folder.
        records: The table.
        values: The polygons and the meaning of their categories.

    Raises:
        FileNotFoundError: The COCO file does not exist.
        ValueError: It is ill-formed, one of its images fits several of the table, a category has no entry in
            `values.views`, or an entry is no view.
    """
    annotated, codes = read_polygons(root, values)
    found = Matching(records).assign(annotated, str(root / values.file), paths_only=values.images is not None)
    maps = {row: _png(draw_views(annotated[name], codes)) for name, rows in found.items() for row in rows}
    return Truth(dict(sorted(maps.items())), None, complete=False)


def read_polygons(root: Path, values: ViewPolygonsParams) -> tuple[dict[str, CocoImage], dict[str, int | None]]:
    """Annotated image -> its polygons, and category -> label or None, as `draw_views` takes them; raises as above."""
    path = root / values.file
    annotated = read_coco(path, values.images, boxes=None, polygons=True)
    return annotated, _view_codes({name for image in annotated.values() for name in image.categories}, values, path)


def draw_views(image: CocoImage, codes: dict[str, int | None]) -> NDArray[np.uint8]:
    """Draw an image's polygons as view labels.

    Args:
        image: Its annotations.
        codes: Category -> label, None for those not drawn; drawn in this order.

    Returns:
        `(H, W)` uint8.
    """
    labels = np.zeros(image.size, np.uint8)
    for name, code in codes.items():
        for category, rings in zip(image.categories, image.polygons, strict=True):
            if category == name and code is not None:
                for ring in rings:
                    cv2.fillPoly(labels, [np.floor(ring).astype(np.int32)], code)
    return labels


def _view_codes(found: set[str], values: ViewPolygonsParams, path: Path) -> dict[str, int | None]:
    known: dict[str | None, int | None] = {None: None, "other": OTHER_SURFACE}
    known |= {view: code for code, view in enumerate(VIEWS, 1)}
    unmapped = sorted(found - set(values.views))
    if unmapped:
        raise ValueError(f"{path}: category {unmapped[0]!r} has no entry under prepare.view_polygons.views")
    for name, view in values.views.items():
        if view not in known:
            raise ValueError(
                f"prepare.view_polygons.views.{name}: expected {', '.join(VIEWS)}, other or null, got {view!r}"
            )
    return {name: known[view] for name, view in values.views.items()}


def _png(labels: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", labels)[1].tobytes())
