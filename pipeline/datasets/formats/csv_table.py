"""CSV files with a header line, as tables of images and of viewpoints."""

import csv
from collections.abc import Iterator
from pathlib import Path

from pipeline.store.files import regular
from pipeline.store.vocabulary import VIEWPOINTS


def read_csv(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield `(line number, column -> stripped cell)` of a CSV with a header line.

    Args:
        path: The file, UTF-8 with or without a byte-order mark.
        required: Columns that must be there.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no UTF-8, a required column is missing, a column is named twice or not at all, or a line
            has another number of cells than the header or holds a NUL.
    """
    try:
        with open(regular(path), newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            _check_header(path, header, required)
            for cells in reader:
                if len(cells) not in (0, len(header)):
                    raise ValueError(
                        f"{path}, line {reader.line_num}: expected {len(header)} cells as in the header, "
                        f"got {len(cells)}"
                    )
                if any("\0" in cell for cell in cells):
                    raise ValueError(
                        f"{path}, line {reader.line_num}: a cell holds a NUL; save the file as text in UTF-8"
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
