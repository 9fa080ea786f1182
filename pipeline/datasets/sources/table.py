"""Any data set as a CSV table: ``path, split, vehicle_id, camera_id, viewpoint`` and further columns."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipeline.datasets.formats.csv_table import read_csv, viewpoint_of
from pipeline.datasets.records import Found, ImageRecord
from pipeline.store.params import parameters
from pipeline.store.vocabulary import SPLITS, TEST_SET, WITHOUT_IDENTITY

COLUMNS: tuple[str, ...] = ("path", "split", "vehicle_id", "camera_id", "viewpoint")

BOTH = "both"
"""In the column split: a query that is in the gallery too, and never finds itself."""


@parameters
class TableParams:
    """`prepare.table`."""

    file: str
    """The CSV, relative to the data set's folder; its paths are relative to that folder too."""


def read(root: Path, values: TableParams) -> Found:
    """Read a data set described by a CSV with a header line (UTF-8).

    The five columns of `COLUMNS` must be there, in any order; empty cells are unknown. Further columns become the
    records' `groups`. An image whose split is `BOTH` is a query and in the gallery.

    Args:
        root: The data set's folder.
        values: Where the CSV is.

    Returns:
        The records in the file's order.

    Raises:
        FileNotFoundError: The CSV does not exist.
        ValueError: A column is missing or a cell cannot be understood; the message names file, line and column.
    """
    path = root / values.file
    records: list[ImageRecord] = []
    lines: dict[str, int] = {}
    for line, row in read_csv(path, COLUMNS):
        record = _record(row, f"{path}, line {line}")
        if record.path in lines:
            raise ValueError(f"{path}, line {line}, column path: {record.path!r} is on line {lines[record.path]} too")
        lines[record.path] = line
        records.append(record)
    return Found(_with_roles(records) if any(record.split == BOTH for record in records) else records, [])


def _with_roles(records: list[ImageRecord]) -> list[ImageRecord]:
    """The same records with their roles said, one test set for all, as an image that is `BOTH` needs it."""
    roles = {"query": "query", "gallery": "gallery", "test": "drawn", BOTH: BOTH}
    return [
        replace(
            record,
            split="gallery" if record.split == BOTH else record.split,
            roles={TEST_SET: roles[record.split]} if record.split in roles else {},
        )
        for record in records
    ]


def _record(row: dict[str, str], where: str) -> ImageRecord:
    path, split, vehicle_id = row["path"], row["split"], row["vehicle_id"]
    if "\\" in path:
        raise ValueError(
            f"{where}, column path: expected folders separated by /, got {path!r}; write {path.replace(chr(92), '/')!r}"
        )
    if path in ("", ".") or path.startswith("/") or ".." in path.split("/") or PurePosixPath(path).as_posix() != path:
        raise ValueError(f"{where}, column path: expected a plain path inside the data set's folder, got {path!r}")
    if split not in (*SPLITS, BOTH):
        raise ValueError(f"{where}, column split: expected one of {', '.join((*SPLITS, BOTH))}, got {split!r}")
    if split not in WITHOUT_IDENTITY and not vehicle_id:
        raise ValueError(f"{where}, column vehicle_id: split {split} needs an identity; the cell is empty")
    return ImageRecord(
        path=path,
        split=split,
        vehicle_id=vehicle_id or None,
        camera_id=row["camera_id"] or None,
        viewpoint=viewpoint_of(row["viewpoint"], f"{where}, column viewpoint"),
        groups={name: cell for name, cell in row.items() if name not in COLUMNS},
    )
