"""CSV files with a header line, as tables of images and of viewpoints."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.store.files import line_of, regular
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
    with open(regular(path), newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream, strict=True)
        header: list[str] | None = None
        for line, cells in _lines(reader, path):
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(path, header, required)
            elif len(cells) not in (0, len(header)):
                raise ValueError(
                    f"{path}, line {line}: expected {len(header)} cells as in the header, got {len(cells)}"
                )
            elif any("\0" in cell for cell in cells):
                raise ValueError(f"{path}, line {line}: a cell holds a NUL; save the file as text in UTF-8")
            elif cells:
                yield line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        if header is None:
            _check_header(path, [], required)


def header_of(path: Path) -> list[str]:
    """Columns of such a file, [] where it is empty; raises as `read_csv`, but for what the columns are."""
    with open(regular(path), newline="", encoding="utf-8-sig") as stream:
        cells = next((cells for _, cells in _lines(csv.reader(stream, strict=True), path)), [])
    return [cell.strip() for cell in cells]


def _lines(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield `(line number, cells)`, of several lines the last; an error names the first line of what cannot be read."""
    line = 1
    try:
        for cells in reader:
            yield reader.line_num, cells
            line = reader.line_num + 1
    except UnicodeDecodeError as error:
        line = _undecodable(path)
        raise ValueError(f"{path}, line {line}: not a CSV file in UTF-8 ({error})") from error
    except csv.Error as error:
        raise ValueError(f"{path}, line {line}: not a CSV file in UTF-8 ({error})") from error


def _undecodable(path: Path) -> int:
    """The line that cannot be decoded, of a file whose reader, which reads ahead, came upon one."""
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return line_of(error, content)
    return 1


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
