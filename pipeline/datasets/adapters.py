"""From a data set's folder to its image table: adapters by name; viewpoints, parts and ground truth beside them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field

from pipeline.artifacts.truth import Truth
from pipeline.datasets.annotations.parts import PartsParams, attach_parts
from pipeline.datasets.annotations.polygons import ViewPolygonsParams, polygon_truth
from pipeline.datasets.annotations.rendered import rendered_truth
from pipeline.datasets.annotations.viewpoints import attach_viewpoints
from pipeline.datasets.folder import check_regular
from pipeline.datasets.held_out import UnseenParams, keep_unseen
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.official import Benchmark
from pipeline.datasets.records import Found, ImageRecord
from pipeline.datasets.sources import cityflow_reid, frames, table, vehicleid, veri776, veri_wild, vric
from pipeline.store.images import ImageStore
from pipeline.store.params import parameters


@parameters
class PrepareParams:
    """The `prepare` section of `params.yaml`."""

    adapter: str
    """How data/raw/<dataset> is laid out: veri776, vehicleid, vric, veri_wild, cityflow_reid (docs/), table, a CSV of
    images, or frames, boxes on whole pictures or videos (docs/frames.md)."""
    table: table.TableParams
    """Of the adapter `table`."""
    vehicleid: vehicleid.VehicleIdParams
    """Of the adapter `vehicleid`."""
    veri_wild: veri_wild.VeriWildParams
    """Of the adapter `veri_wild`."""
    cityflow_reid: cityflow_reid.CityFlowParams
    """Of the adapter `cityflow_reid`."""
    frames: frames.FramesParams
    """Of the adapter `frames`."""
    viewpoints: tuple[str, ...]
    """Tables of viewpoints in the data set's folder, told by content: a CSV ``image,viewpoint`` (names or SPAN's codes
    0 to 4), or VeRi-776's keypoint release. Merged with the adapter's own."""
    unseen: UnseenParams | None = Field(default=None, kw_only=True)
    """Kinds of vehicles that no training sees, a test set of their own: {column, values, seed}; null: none."""
    limits: ImageLimitsParams
    """What counts as a usable image."""
    parts: PartsParams | None
    """Part boxes, a COCO file or a folder of Pascal VOC files: {file, images, categories, boxes} (docs/README.md); null
    where there are none."""
    ground_truth: str | None
    """HDF5 that a renderer wrote beside the images, for measuring only; null where there is none."""
    view_polygons: ViewPolygonsParams | None
    """COCO polygons that give view masks, for measuring only: {file, images, views}; null where there are none. At most
    one of the last two."""


@dataclass(frozen=True)
class Adapter:
    """How one layout of a data set's folder is read.

    Attributes:
        read: (data set's folder, parameters) -> its records.
        benchmark: What its authors say of the benchmark it reads; None for any data set.
    """

    read: Callable[[Path, PrepareParams], Found]
    benchmark: Benchmark | None = None


ADAPTERS: dict[str, Adapter] = {
    "table": Adapter(lambda root, params: table.read(root, params.table)),
    "frames": Adapter(lambda root, params: frames.read(root, params.frames)),
    "veri776": Adapter(lambda root, params: veri776.read(root), veri776.BENCHMARK),
    "vehicleid": Adapter(lambda root, params: vehicleid.read(root, params.vehicleid), vehicleid.BENCHMARK),
    "vric": Adapter(lambda root, params: vric.read(root), vric.BENCHMARK),
    "veri_wild": Adapter(lambda root, params: veri_wild.read(root, params.veri_wild), veri_wild.BENCHMARK),
    "cityflow_reid": Adapter(
        lambda root, params: cityflow_reid.read(root, params.cityflow_reid), cityflow_reid.BENCHMARK
    ),
}
"""By the name that `prepare.adapter` gives."""


def adapter_of(params: PrepareParams) -> Adapter:
    """The adapter that the parameters name.

    Raises:
        ValueError: There is none of that name.
    """
    if params.adapter not in ADAPTERS:
        raise ValueError(f"prepare.adapter: expected one of {', '.join(ADAPTERS)}, got {params.adapter!r}")
    return ADAPTERS[params.adapter]


def read_data_set(root: Path, values: PrepareParams) -> Found:
    """Read a data set's table, and the viewpoints and part boxes that belong to it.

    Args:
        root: The data set's folder.
        values: The adapter and what it needs.

    Raises:
        FileNotFoundError: The folder or a file in it does not exist.
        ValueError: A file is ill-formed (the message names it and the place), the folder holds what is no regular
            file, or two sources of ground truth are given.
    """
    if values.ground_truth is not None and values.view_polygons is not None:
        raise ValueError("prepare: give ground_truth or view_polygons, not both")
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; put the data set there or link it")
    if values.limits.on_bad_image == "stop":
        check_regular(root)
    found = adapter_of(values).read(root, values)
    records, remarks = attach_viewpoints(found.records, root, values.viewpoints)
    if values.parts is not None:
        records, of_parts = attach_parts(records, root, values.parts)
        remarks += of_parts
    found = replace(found, records=records, remarks=[*found.remarks, *remarks])
    return found if values.unseen is None else keep_unseen(found, values.unseen, str(root))


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
        return polygon_truth(root, _records_of(store), values.view_polygons)
    return None


def _records_of(store: ImageStore) -> list[ImageRecord]:
    """What tells the images of a table apart."""
    roles = {name: column.tolist() for name, column in store.roles.items()}
    columns = (store.paths.tolist(), store.splits.tolist(), store.vehicle_ids.tolist(), store.camera_ids.tolist())
    return [
        ImageRecord(path, split, vehicle or None, camera or None, roles={n: c[row] for n, c in roles.items() if c[row]})
        for row, (path, split, vehicle, camera) in enumerate(zip(*columns, strict=True))
    ]
