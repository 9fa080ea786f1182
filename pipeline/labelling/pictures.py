"""Where the images to label come from: the prepared image store, or the data set's folder while there is none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.adapters import PrepareParams, read_data_set
from pipeline.datasets.records import readers_of
from pipeline.store.decoding import decode
from pipeline.store.images import ImageStore


@dataclass(frozen=True)
class Candidate:
    """An image that may be labelled.

    Attributes:
        path: Path relative to the data set's folder.
        vehicle_id: Its vehicle, "" where unknown.
        camera_id: Its camera, "" where unknown.
        has_viewpoint: Whether the data set's table has a viewpoint of it.
    """

    path: str
    vehicle_id: str
    camera_id: str
    has_viewpoint: bool


@dataclass(frozen=True)
class Pictures:
    """Images and how to see them.

    Attributes:
        candidates: In table order.
        image: Position among them -> `(H, W, 3)` uint8, RGB, upright; raises `BadImageError` or `OSError`.
    """

    candidates: list[Candidate]
    image: Callable[[int], NDArray[np.uint8]]


def open_pictures(store: Path, root: Path, values: PrepareParams, splits: Sequence[str]) -> Pictures:
    """Images of some splits, from the image store where it exists and from the data set's folder where it does not.

    Args:
        store: The file `prepare` writes.
        root: The data set's folder.
        values: The section `prepare` of the parameters.
        splits: Splits to label.

    Raises:
        FileNotFoundError: Neither is there, or a file of the folder is missing.
        ValueError: The data set is ill-formed, or holds no image of these splits.
    """
    return stored_pictures(store, splits) if store.exists() else raw_pictures(root, values, splits)


def stored_pictures(path: Path, splits: Sequence[str]) -> Pictures:
    """Images of some splits of an image store."""
    store = ImageStore(path)
    rows = store.rows(*splits).tolist()
    candidates = [
        Candidate(
            path=str(store.paths[row]),
            vehicle_id=str(store.vehicle_ids[row]),
            camera_id=str(store.camera_ids[row]),
            has_viewpoint=bool(store.viewpoints[row] >= 0),
        )
        for row in rows
    ]
    _check(candidates, splits, path)
    return Pictures(candidates, lambda position: store.image(rows[position]))


def raw_pictures(root: Path, values: PrepareParams, splits: Sequence[str]) -> Pictures:
    """Images of some splits of a data set that is not prepared yet, none of them looked at before it is shown."""
    found = read_data_set(root, values)
    records = [record for record in found.records if record.split in splits]
    files = readers_of(records, root, found.contents, values.limits.links)
    candidates = [Candidate(r.path, r.vehicle_id or "", r.camera_id or "", r.viewpoint is not None) for r in records]
    _check(candidates, splits, root)
    return Pictures(candidates, lambda position: decode(files[records[position].path]()))


def _check(candidates: Sequence[Candidate], splits: Sequence[str], source: Path) -> None:
    if not candidates:
        raise ValueError(f"{source}: no images of split {' or '.join(splits)}")
