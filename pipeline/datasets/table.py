"""Any data set as a CSV table: ``path, split, vehicle_id, camera_id, viewpoint`` and further columns."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.records import SPLITS, Found, ImageRecord
from pipeline.vocabulary import VIEWPOINTS

COLUMNS: tuple[str, ...] = ("path", "split", "vehicle_id", "camera_id", "viewpoint")


@dataclass(frozen=True)
class TableParams:
    """`prepare.table`.

    Attributes:
        file: The CSV, relative to the data set's folder; its paths are relative to that folder too.
    """

    file: str


def read_table(root: Path, values: TableParams) -> Found:
    """Read a data set described by a CSV with a header line (UTF-8).

    The five columns of `COLUMNS` must be there, in any order; empty cells are unknown. Further columns become the
    records' `groups`.

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
    return Found(records, [])


def read_csv(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield `(line number, column -> stripped cell)` of a CSV with a header line.

    Args:
        path: The file, UTF-8 with or without a byte-order mark.
        required: Columns that must be there.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no UTF-8, a required column is missing, a column is named twice or not at all, or a line
            has another number of cells than the header.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            _check_header(path, header, required)
            for cells in reader:
                if len(cells) not in (0, len(header)):
                    raise ValueError(
                        f"{path}, line {reader.line_num}: expected {len(header)} cells as in the header, "
                        f"got {len(cells)}"
                    )
                if cells:
                    yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8 ({error})") from error


def viewpoint_of(cell: str, where: str) -> str | None:
    """Viewpoint of a cell: a key of `VIEWPOINTS`, its code 0 to 4, or None where it is empty.

    Raises:
        ValueError: Anything else.
    """
    names = list(VIEWPOINTS)
    known = {"": None, **{name: name for name in names}, **{str(code): name for code, name in enumerate(names)}}
    if cell not in known:
        raise ValueError(f"{where}: expected one of {', '.join(names)} or a code 0 to {len(names) - 1}, got {cell!r}")
    return known[cell]


def _check_header(path: Path, header: list[str], required: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise ValueError(f"{path}, line 1: column {missing[0]!r} is missing; the header is {', '.join(header)}")
    if "" in header or len(set(header)) < len(header):
        raise ValueError(f"{path}, line 1: every column needs a name of its own; the header is {', '.join(header)}")


def _record(row: dict[str, str], where: str) -> ImageRecord:
    path, split, vehicle_id = row["path"], row["split"], row["vehicle_id"]
    if not path or path.startswith("/") or ".." in path.split("/") or PurePosixPath(path).as_posix() != path:
        raise ValueError(f"{where}, column path: expected a plain path inside the data set's folder, got {path!r}")
    if split not in SPLITS:
        raise ValueError(f"{where}, column split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if split != "extra" and not vehicle_id:
        raise ValueError(f"{where}, column vehicle_id: split {split} needs an identity; the cell is empty")
    return ImageRecord(
        path=path,
        split=split,
        vehicle_id=vehicle_id or None,
        camera_id=row["camera_id"] or None,
        viewpoint=viewpoint_of(row["viewpoint"], f"{where}, column viewpoint"),
        groups={name: cell for name, cell in row.items() if name not in COLUMNS},
    )
