"""A gallery as an index that FAISS reads anywhere, with a table of what its entries are."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.report.selection import viewpoint_name
from pipeline.search.gallery import GALLERY_AT_ONCE, Gallery, Tracks
from pipeline.store.files import DamagedFileError, atomic, read_csv, write_csv

COLUMNS = ("position", "path", "vehicle_id", "camera_id", "viewpoint")
"""Of the table, before the data set's own columns and the tracks'."""

TRACK_COLUMNS = ("entry_track", "entry_images")
"""Of the table where the entries are tracks."""


def write_index(index_path: Path, table_path: Path, gallery: Gallery, factory: str) -> int:
    """Write a gallery's features as a FAISS index by squared Euclidean distance, and a line for each in a table.

    Args:
        index_path: The index, for ``faiss.read_index``.
        table_path: The table, a CSV: `COLUMNS`, of which ``position`` is the number that FAISS returns, and the data
            set's own columns; of tracks their middle image's, and `TRACK_COLUMNS`.
        gallery: What is found.
        factory: Kind of the index, as ``faiss.index_factory`` has it: ``Flat`` is exact.

    Returns:
        The number of entries.

    Raises:
        RuntimeError: FAISS is not installed.
        ValueError: The features do not compare by Euclidean distance, a column of the data set has the name of one of
            the table's own, a file is in the table's place that is none, or FAISS knows no such kind of index.
    """
    features = gallery.features
    if features.distance != "euclidean":
        raise ValueError(
            f"expected features that compare by euclidean distance, as FAISS does, got {features.distance}, which "
            f"weighs the blocks of a feature anew for every pair; `reid search` compares these"
        )
    taken = [name for name in gallery.store.groups if name in (*COLUMNS, *TRACK_COLUMNS)]
    if taken:
        raise ValueError(
            f"{gallery.store.path}: expected columns of other names than the table's own, "
            f"{', '.join((*COLUMNS, *TRACK_COLUMNS))}; got {', '.join(taken)}"
        )
    if table_path.exists() and not _is_table(table_path):
        raise ValueError(f"{table_path}: expected a name that is free, or the table of an earlier index to replace")
    faiss = _faiss()
    try:
        index = faiss.index_factory(sum(features.dimensions), factory)
    except RuntimeError as error:
        raise ValueError(f"FAISS knows no index {factory!r}") from error
    inside = np.flatnonzero(features.member)
    if not index.is_trained:
        index.train(features.values[:][inside])
    for start in range(0, len(features.member), GALLERY_AT_ONCE):
        block = features.values[start : start + GALLERY_AT_ONCE]
        index.add(np.ascontiguousarray(block[features.member[start : start + GALLERY_AT_ONCE]]))
    with atomic(index_path) as temporary:
        faiss.write_index(index, str(temporary))
        columns = [*COLUMNS, *gallery.store.groups, *(() if gallery.tracks is None else TRACK_COLUMNS)]
        write_csv(table_path, [_line(gallery, place, int(entry)) for place, entry in enumerate(inside)], columns)
    return len(inside)


def _is_table(path: Path) -> bool:
    try:
        read_csv(path, *COLUMNS)
    except DamagedFileError:
        return False
    return True


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise RuntimeError(
            f"FAISS is not installed ({error}): uv sync --inexact --group faiss, or pip install faiss-cpu"
        ) from error


def _line(gallery: Gallery, place: int, entry: int) -> dict[str, object]:
    store, row = gallery.store, int(gallery.rows[entry])
    values = place, store.paths[row], store.vehicle_ids[row], store.camera_ids[row], viewpoint_name(store, row)
    line: dict[str, object] = dict(zip(COLUMNS, values, strict=True))
    return line | {name: column[row] for name, column in store.groups.items()} | _track(gallery.tracks, entry)


def _track(tracks: Tracks | None, entry: int) -> dict[str, object]:
    values = () if tracks is None else (tracks.names[entry], tracks.counts[entry])
    return dict(zip(TRACK_COLUMNS, values, strict=False))
