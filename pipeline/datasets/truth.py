"""Ground truth of views and angles, aligned to the image table: ``data/truth/<dataset>.h5``, for measuring only."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline import hdf5
from pipeline.datasets.annotations import image_key
from pipeline.datasets.coco_parts import CocoImage, read_coco
from pipeline.decoding import BadImageError, decode_labels
from pipeline.images import ImageStore
from pipeline.vocabulary import VIEWS

SCHEMA = "truth/1"
OTHER_SURFACE = len(VIEWS) + 1
"""Label of vehicle surface that belongs to no single view; 0 is background or unlabelled, 1 to 3 are `VIEWS`."""


@dataclass(frozen=True)
class ViewPolygonsParams:
    """`prepare.view_polygons`: view masks out of annotated parts.

    Attributes:
        file: COCO JSON with polygons, relative to the data set's folder.
        images: Folder its file names are relative to, as `prepare.parts.images`.
        views: Category name -> ``front``, ``rear``, ``side``, ``other`` (surface of no single view) or null (left
            unlabelled). Later categories of this mapping are drawn over earlier ones.
    """

    file: str
    images: str | None
    views: dict[str, str | None]


@dataclass(frozen=True)
class Truth:
    """Ground truth by row of the image table.

    Attributes:
        labels: Row -> its label map as a PNG file's bytes; rows without one are absent.
        azimuths: `(N,)` float32, degrees, nan where unknown; None where there are none at all.
        complete: Whether 0 means background (True) or merely unlabelled (False).
    """

    labels: dict[int, bytes]
    azimuths: NDArray[np.float32] | None
    complete: bool


def write_truth(path: Path, store: ImageStore, truth: Truth | None) -> None:
    """Write the ground truth of a data set; the file exists, and says so, even where there is none.

    Args:
        path: The file to write.
        store: The images whose rows it follows.
        truth: What is known; None where nothing is.

    Raises:
        ValueError: A label map is ill-formed or of another size than its image.
    """
    found = Truth({}, None, False) if truth is None else truth
    lengths = [len(found.labels.get(row, b"")) for row in range(len(store))]
    notes = {"views": bool(found.labels), "complete": found.complete}
    with hdf5.create(path, hdf5.Header(SCHEMA, store.digest, notes=notes)) as cache:
        if found.azimuths is not None:
            cache.array("azimuth", found.azimuths.astype(np.float32))
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        cache.array("view_labels_offsets", offsets)
        encoded = cache.rows("view_labels", int(offsets[-1]), (), np.uint8)
        for row in sorted(found.labels):
            height, width = store.sizes[row].tolist()
            if fault := label_fault(found.labels[row], (height, width)):
                raise ValueError(f"ground truth of {store.paths[row]}: {fault}")
            encoded.append(np.frombuffer(found.labels[row], np.uint8))


def read_view_labels(cache: hdf5.Cache, row: int) -> NDArray[np.uint8] | None:
    """Label map of one row at the image's own size, `(H, W)` uint8 in 0 to `OTHER_SURFACE`, or None."""
    start, end = cache["view_labels_offsets"][row : row + 2]
    return None if start == end else decode_labels(cache["view_labels"][start:end])


def rendered_truth(path: Path, names: Sequence[str]) -> Truth:
    """Align the ground truth a renderer wrote to the image table, by path.

    Args:
        path: HDF5 with `path` (bytes, relative), `azimuth` (degrees), `labels` (concatenated PNG label maps) and
            `labels_offsets`.
        names: The table's paths.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no HDF5 file, lacks a dataset, values of one, or an image of the table.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file (prepare.ground_truth)")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: not an HDF5 file ({error})") from error
    with file:
        places = _places(file, path)
        lacking = [name for name in names if name not in places]
        if lacking:
            raise ValueError(f"{path}: no ground truth of {len(lacking)} images of the table, as {lacking[0]}")
        order = [places[name] for name in names]
        offsets, labels = file["labels_offsets"][()], file["labels"]
        maps = {row: labels[offsets[at] : offsets[at + 1]].tobytes() for row, at in enumerate(order)}
        return Truth(maps, file["azimuth"][()][order], complete=True)


def _places(file: h5py.File, path: Path) -> dict[str, int]:
    """Path of an image -> its place in a renderer's file."""
    absent = [name for name in ("path", "azimuth", "labels", "labels_offsets") if name not in file]
    if absent:
        raise ValueError(f"{path}: dataset {absent[0]!r} is missing; it has {', '.join(sorted(file))}")
    count, found = len(file["path"]), (len(file["azimuth"]), len(file["labels_offsets"]))
    if found != (count, count + 1):
        raise ValueError(
            f"{path}: expected {count} azimuths and {count + 1} labels_offsets, got {found[0]} and {found[1]}"
        )
    return {name.decode(): place for place, name in enumerate(file["path"][()])}


def polygon_truth(root: Path, names: Sequence[str], values: ViewPolygonsParams) -> Truth:
    """Rasterise part polygons into view label maps; what no polygon covers is unlabelled.

    Args:
        root: The data set's folder.
        names: The table's paths.
        values: The polygons and the meaning of their categories.

    Raises:
        FileNotFoundError: The COCO file does not exist.
        ValueError: It is ill-formed, a category has no entry in `values.views`, or an entry is no view.
    """
    annotated, codes = read_polygons(root, values)
    rows = {row: image_key(name, values.images) for row, name in enumerate(names)}
    maps = {row: draw_views(annotated[key], codes) for row, key in rows.items() if key in annotated}
    return Truth({row: _png(labels) for row, labels in maps.items()}, None, complete=False)


def read_polygons(root: Path, values: ViewPolygonsParams) -> tuple[dict[str, CocoImage], dict[str, int | None]]:
    """`image_key` -> its polygons, and category -> label or None, as `draw_views` takes them; raises as above."""
    path = root / values.file
    annotated = read_coco(path, values.images, polygons=True)
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


def label_fault(encoded: bytes, size: tuple[int, int]) -> str:
    """What is wrong with a label map, a PNG file's bytes, for an image of this `(height, width)`; "" if nothing."""
    try:
        labels = decode_labels(encoded)
    except BadImageError as error:
        return str(error)
    if labels.shape == size and labels.max(initial=0) <= OTHER_SURFACE:
        return ""
    return (
        f"expected labels 0 to {OTHER_SURFACE} of {size[1]} x {size[0]} pixels, "
        f"got labels up to {labels.max(initial=0)} of {labels.shape[1]} x {labels.shape[0]}"
    )
