"""Overview of a data set: which kinds of vehicles it shows, from where and by which cameras."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.report.figures import thumbnail
from pipeline.report.pictures import Picture, picture
from pipeline.report.selection import first_occurrences, varied_rows, viewpoint_names
from pipeline.report.sources import ReportParams, Sources
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import VIEWPOINTS


@dataclass(frozen=True)
class CameraShot:
    """One image in a cell of an overview.

    Attributes:
        picture: The image.
        camera: Its camera; "" where unknown.
    """

    picture: Picture
    camera: str


@dataclass(frozen=True)
class Overview:
    """One data set as a table: a row a kind of vehicle, a column a viewpoint.

    Attributes:
        dataset: Name of the data set.
        column: Column of its table that says the kind; "" where there is none.
        images: Number of its distinct images.
        across: Images side by side in a cell.
        viewpoints: Of each column; "" where unlabelled.
        rows: Kind ("" where unknown) and cells of each row; a cell holds one image a camera.
    """

    dataset: str
    column: str
    images: int
    across: int
    viewpoints: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Sequence[CameraShot]]]]


def overview(sources: Sources, params: ReportParams) -> Overview:
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
    kind_names = sorted(set(kinds.tolist()))
    each = max(1, params.overview_images // (len(columns) * len(kind_names)))
    across = min(3, each, len(set(store.camera_ids)))
    rows = [
        (kind, [_cameras(store, (kinds == kind) & (names == name), each, params) for name in columns])
        for kind in kind_names
    ]
    images = len(first_occurrences(store.image_digests))
    return Overview(sources.name, column, images, across, columns, rows)


def _cameras(store: ImageStore, matches: NDArray[np.bool_], count: int, params: ReportParams) -> list[CameraShot]:
    rows = np.flatnonzero(matches)
    chosen = varied_rows([store.camera_ids, store.vehicle_ids], rows, min(count, len(set(store.camera_ids[rows]))))
    return [
        CameraShot(
            picture(thumbnail(store.image(int(row)), params.overview_side), "", params.quality),
            str(store.camera_ids[row]),
        )
        for row in chosen
    ]
