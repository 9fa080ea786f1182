"""The CSV of viewpoints given by hand, rewritten whole after every label so that none is ever lost."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.datasets.formats.csv_table import header_of, read_csv, viewpoint_of
from pipeline.store.files import atomic
from pipeline.store.vocabulary import VIEWPOINTS

COLUMNS: tuple[str, ...] = ("image", "viewpoint")


class LabelFile:
    """Rows ``image,viewpoint`` on disk; a skipped image has a row whose viewpoint is empty, which counts as unlabelled.

    Rows of other images stay as they are, in their order, and so do rows that another program adds meanwhile.

    Args:
        path: The CSV; it is made with the first label.

    Raises:
        ValueError: The file is no such CSV; the message names file, line and column.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[tuple[str, str]] = []
        self._viewpoints: dict[str, str | None] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._refresh()

    @property
    def viewpoints(self) -> Mapping[str, str | None]:
        """Image -> viewpoint, None where it was skipped."""
        return self._viewpoints

    def put(self, image: str, viewpoint: str | None) -> None:
        """Write one label, in place of any the image had.

        Args:
            image: Path relative to the data set's folder.
            viewpoint: A key of `VIEWPOINTS`, or None to skip the image.

        Raises:
            ValueError: `viewpoint` is unknown, or the file was edited into something else.
            RuntimeError: Another process is writing the file at this moment.
        """
        if viewpoint is not None and viewpoint not in VIEWPOINTS:
            raise ValueError(f"viewpoint: expected one of {', '.join(VIEWPOINTS)}, got {viewpoint!r}")
        self._rewrite(image, [(image, viewpoint or "")])
        self._viewpoints[image] = viewpoint

    def take_back(self, image: str) -> None:
        """Remove the label of one image; raises as `put`."""
        self._rewrite(image, [])
        self._viewpoints.pop(image, None)

    def _rewrite(self, image: str, added: list[tuple[str, str]]) -> None:
        with atomic(self.path) as temporary:  # its lock also keeps a second program from writing in between
            self._refresh()
            rows = [row for row in self._rows if row[0] != image] + added
            with open(temporary, "w", newline="", encoding="utf-8") as stream:
                csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *rows])
            stamp = _stamp(temporary)  # not of the file once the lock is gone, which may be another program's by then
        self._rows, self._stamp = rows, stamp

    def _refresh(self) -> None:
        """Read the file if it is not as this object left it; one that was removed is written again from memory."""
        stamp = _stamp(self.path)
        if stamp is not None and stamp != self._stamp:
            self._rows, self._viewpoints = _read(self.path)
            self._stamp = stamp


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells one file's content from another's, and stays when it is renamed; None where there is no file."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> tuple[list[tuple[str, str]], dict[str, str | None]]:
    """Rows as they stand, and image -> viewpoint."""
    header = header_of(path)
    if sorted(header) != sorted(COLUMNS):
        shown = ", ".join(header) or "empty"
        raise ValueError(f"{path}, line 1: expected the columns {' and '.join(COLUMNS)} alone, the header is {shown}")
    rows: list[tuple[str, str]] = []
    viewpoints: dict[str, str | None] = {}
    for line, row in read_csv(path, COLUMNS):
        image, cell = row["image"], row["viewpoint"]
        if not image:
            raise ValueError(f"{path}, line {line}, column image: expected the path of an image, the cell is empty")
        viewpoints[image] = viewpoint_of(cell, f"{path}, line {line}, column viewpoint")
        rows.append((image, cell))
    return rows, viewpoints
