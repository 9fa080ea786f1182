"""From a data set's folder to its checked image table: adapters by name, parts and ground truth beside them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pipeline.datasets.coco_parts import PartsParams, attach_parts
from pipeline.datasets.table import TableParams, read_table
from pipeline.datasets.truth import Truth, ViewPolygonsParams, polygon_truth, rendered_truth
from pipeline.datasets.veri776 import Veri776Params, read_veri776
from pipeline.decoding import ImageLimits
from pipeline.images import ImageStore
from pipeline.records import Found


@dataclass(frozen=True)
class PrepareParams:
    """The `prepare` section of `params.yaml`.

    Attributes:
        adapter: A key of `ADAPTERS`: how the data set's folder is laid out.
        table: Read by the adapter `table`.
        veri776: Read by the adapter `veri776`.
        limits: What counts as a usable image.
        parts: Annotated part boxes; null where there are none.
        ground_truth: HDF5 a renderer wrote, relative to the data set's folder; null where there is none.
        view_polygons: View masks from part polygons; null where there are none. At most one of the last two.
    """

    adapter: Literal["table", "veri776"]
    table: TableParams
    veri776: Veri776Params
    limits: ImageLimits
    parts: PartsParams | None
    ground_truth: str | None
    view_polygons: ViewPolygonsParams | None


ADAPTERS: dict[str, Callable[[Path, PrepareParams], Found]] = {
    "table": lambda root, values: read_table(root, values.table),
    "veri776": lambda root, values: read_veri776(root, values.veri776),
}
"""Adapter name -> (data set's folder, parameters) -> its records."""


def read_data_set(root: Path, values: PrepareParams) -> Found:
    """Read a data set's table and the part boxes that belong to it.

    Args:
        root: The data set's folder.
        values: The adapter and what it needs.

    Raises:
        FileNotFoundError: The folder or a file in it does not exist.
        ValueError: A file is ill-formed (the message names it and the place), or two sources of ground truth are
            given.
    """
    if values.ground_truth is not None and values.view_polygons is not None:
        raise ValueError("prepare: give ground_truth or view_polygons, not both")
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; put the data set there or link it")
    found = ADAPTERS[values.adapter](root, values)
    if values.parts is None:
        return found
    records, remarks = attach_parts(found.records, root, values.parts)
    return replace(found, records=records, remarks=[*found.remarks, *remarks])


def read_truth(root: Path, values: PrepareParams, store: ImageStore) -> Truth | None:
    """Read a data set's ground truth, None where it has none.

    Args:
        root: The data set's folder.
        values: Where the ground truth is.
        store: The images it is aligned to.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: The source is ill-formed.
    """
    if values.ground_truth is not None:
        return rendered_truth(root / values.ground_truth, store)
    if values.view_polygons is not None:
        return polygon_truth(root, store, values.view_polygons)
    return None
