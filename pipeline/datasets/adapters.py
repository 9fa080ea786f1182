"""From a data set's folder to its image table: adapters by name; viewpoints, parts and ground truth beside them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pipeline.artifacts.truth import Truth
from pipeline.datasets.annotations.parts import PartsParams, attach_parts
from pipeline.datasets.annotations.polygons import ViewPolygonsParams, polygon_truth
from pipeline.datasets.annotations.rendered import rendered_truth
from pipeline.datasets.annotations.viewpoints import attach_viewpoints
from pipeline.datasets.limits import ImageLimits
from pipeline.datasets.records import Found
from pipeline.datasets.sources.cityflow_reid import CityFlowParams, read_cityflow_reid
from pipeline.datasets.sources.table import TableParams, read_table
from pipeline.datasets.sources.vehicleid import VehicleIdParams, read_vehicleid
from pipeline.datasets.sources.veri776 import read_veri776
from pipeline.datasets.sources.veri_wild import VeriWildParams, read_veri_wild
from pipeline.datasets.sources.vric import read_vric
from pipeline.store.images import ImageStore


@dataclass(frozen=True)
class PrepareParams:
    """The `prepare` section of `params.yaml`.

    Attributes:
        adapter: A key of `ADAPTERS`: how the data set's folder is laid out.
        table: Read by the adapter `table`.
        vehicleid: Read by the adapter `vehicleid`.
        veri_wild: Read by the adapter `veri_wild`.
        cityflow_reid: Read by the adapter `cityflow_reid`.
        viewpoints: Tables of viewpoints, relative to the data set's folder, merged with the adapter's own; see
            `pipeline.datasets.annotations.viewpoints`.
        limits: What counts as a usable image.
        parts: Annotated part boxes; null where there are none.
        ground_truth: HDF5 a renderer wrote, relative to the data set's folder; null where there is none.
        view_polygons: View masks from part polygons; null where there are none. At most one of the last two.
    """

    adapter: Literal["table", "veri776", "vehicleid", "vric", "veri_wild", "cityflow_reid"]
    table: TableParams
    vehicleid: VehicleIdParams
    veri_wild: VeriWildParams
    cityflow_reid: CityFlowParams
    viewpoints: tuple[str, ...]
    limits: ImageLimits
    parts: PartsParams | None
    ground_truth: str | None
    view_polygons: ViewPolygonsParams | None


ADAPTERS: dict[str, Callable[[Path, PrepareParams], Found]] = {
    "table": lambda root, values: read_table(root, values.table),
    "veri776": lambda root, values: read_veri776(root),
    "vehicleid": lambda root, values: read_vehicleid(root, values.vehicleid),
    "vric": lambda root, values: read_vric(root),
    "veri_wild": lambda root, values: read_veri_wild(root, values.veri_wild),
    "cityflow_reid": lambda root, values: read_cityflow_reid(root, values.cityflow_reid),
}
"""Adapter name -> (data set's folder, parameters) -> its records."""


def read_data_set(root: Path, values: PrepareParams) -> Found:
    """Read a data set's table, and the viewpoints and part boxes that belong to it.

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
    records, remarks = attach_viewpoints(found.records, root, values.viewpoints)
    if values.parts is not None:
        records, of_parts = attach_parts(records, root, values.parts)
        remarks += of_parts
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
        return rendered_truth(root / values.ground_truth, store.paths.tolist())
    if values.view_polygons is not None:
        return polygon_truth(root, store.paths.tolist(), values.view_polygons)
    return None
