"""Viewpoint labels of images, from tables beside a data set."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.datasets.formats.csv_table import read_csv, viewpoint_of
from pipeline.datasets.formats.lists import read_fields
from pipeline.datasets.records import ImageRecord

IMAGE_COLUMNS: tuple[str, ...] = ("image", "filename", "path")
"""Names the image column may have; SPAN's release says ``filename``."""

KEYPOINT_FORM = " ".join(["PATH", *(f"X{point} Y{point}" for point in range(1, 21)), "ORIENTATION"])
"""A line of VeRi-776's keypoint release (Wang et al., ICCV 2017)."""

ORIENTATIONS: tuple[str, ...] = (
    "front",
    "rear",
    "side",
    "front-side",
    "rear-side",
    "side",
    "front-side",
    "rear-side",
)
"""Its orientations 0 to 7: front, rear, then left, left front, left rear, and the same of right."""


def attach_viewpoints(
    records: Sequence[ImageRecord], root: Path, files: Sequence[str]
) -> tuple[list[ImageRecord], list[str]]:
    """Give records the viewpoints that tables hold of them, beside those they have.

    A row that gives an image's path goes to that image. Any other goes to the image of its file name, whatever its
    folder; where several have that name, to the one whose path ends like the row's, or the row's like its. A query
    and its copy in the gallery share what either is given: they are alone in having their file name, known vehicle
    and known camera. An image may come several times, in one table or in several (SPAN's own table does that); where
    they disagree it counts as unlabelled.

    Args:
        records: The table.
        root: The data set's folder.
        files: Tables relative to it, see `read_viewpoints`.

    Returns:
        The records with `viewpoint`, and remarks that count disagreements, images without a viewpoint, and rows that
        fit no image.

    Raises:
        FileNotFoundError: A table does not exist.
        ValueError: A table is ill-formed, fits no image at all, or has a row that fits several different images.
    """
    found = [{record.viewpoint} - {None} for record in records]
    matching = _Matching(records)
    remarks: list[str] = []
    for file in files:
        strangers: list[str] = []
        fitting = False
        for line, image, viewpoint in read_viewpoints(root / file):
            rows = matching.rows(image, f"{root / file}, line {line}")
            strangers += [] if rows else [image]
            fitting |= bool(rows)
            for row in rows:
                found[row].add(viewpoint)
        if strangers and not fitting:
            raise ValueError(
                f"{root / file}: none of its {len(strangers)} images is in the table, for example {strangers[0]}"
            )
        remarks += [f"{len(strangers)} rows of {file} are unmatched, for example {strangers[0]}"] if strangers else []
    unclear = [record.path for record, viewpoints in zip(records, found, strict=True) if len(viewpoints) > 1]
    if unclear:
        shown = ", ".join(unclear[:3])
        remarks.append(
            f"{len(unclear)} images have contradictory viewpoints and count as unlabelled, for example {shown}"
        )
    clear = [viewpoints.pop() if len(viewpoints) == 1 else None for viewpoints in found]
    without = sum(viewpoint is None for viewpoint in clear)
    remarks += [f"{without} images have no viewpoint"] if without else []
    return [
        record if record.viewpoint == viewpoint else replace(record, viewpoint=viewpoint)
        for record, viewpoint in zip(records, clear, strict=True)
    ], remarks


def read_viewpoints(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield `(line number, image, viewpoint)` of a table, whose format its first line tells.

    Either a CSV with a column of images (`IMAGE_COLUMNS`) and one named ``viewpoint`` (a name or SPAN's code 0 to 4,
    empty where unknown), or a file of the keypoint release (`KEYPOINT_FORM`).

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: A line is ill-formed or a viewpoint unknown; the message names line and column.
    """
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        head = stream.readline()
    if "," not in head and len(head.split()) > 2:
        yield from _read_keypoints(path)
        return
    header = [cell.strip() for cell in head.split(",")]
    column = next((name for name in IMAGE_COLUMNS if name in header), IMAGE_COLUMNS[0])
    for line, row in read_csv(path, (column, "viewpoint")):
        viewpoint = viewpoint_of(row["viewpoint"], f"{path}, line {line}, column viewpoint")
        if viewpoint is not None:
            yield line, row[column], viewpoint


def _read_keypoints(path: Path) -> Iterator[tuple[int, str, str]]:
    codes = {str(code): viewpoint for code, viewpoint in enumerate(ORIENTATIONS)}
    for line, (image, *_, orientation) in read_fields(path, KEYPOINT_FORM):
        if orientation not in codes:
            raise ValueError(
                f"{path}, line {line}: expected an orientation 0 to {len(ORIENTATIONS) - 1}, got {orientation!r}"
            )
        yield line, image, codes[orientation]


def listed_twice(one: ImageRecord, other: ImageRecord) -> bool:
    """Whether two images of one known camera may be a query and its copy in the gallery, whose roles nowhere agree.

    Their roles count in every test set both are in, of which there must be one; without roles, their splits.
    """
    if one.camera_id is None or one.camera_id != other.camera_id:
        return False
    if not one.roles and not other.roles:
        return {one.split, other.split} == {"query", "gallery"}
    shared = one.roles.keys() & other.roles.keys()
    return bool(shared) and all({one.roles[name], other.roles[name]} == {"query", "gallery"} for name in shared)


class _Matching:
    """Which images of a table a row means."""

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        self._records = records
        self._copies = _find_copies(records)
        self._paths = {record.path: row for row, record in enumerate(records)}
        self._rows: dict[str, list[int]] = {}
        """Path or end of one, in whole names -> the images it is of."""
        for row, record in enumerate(records):
            for end in _ends(record.path):
                self._rows.setdefault(end, []).append(row)

    def rows(self, image: str, where: str) -> list[int]:
        """Rows of an image named by path or file name; `where` opens the message if they are different images."""
        if image in self._paths:
            return self._with_copy(self._paths[image])
        *_, name = _ends(image)
        named = self._rows.get(name, [])
        if not named or self._one_picture(named):
            return named
        alike = self._rows.get(image, []) + [self._paths[end] for end in _ends(image) if end in self._paths]
        if not alike:
            return []
        if not self._one_picture(alike):
            shown = ", ".join(self._records[row].path for row in alike[:2])
            raise ValueError(
                f"{where}: {image!r} fits {len(alike)} different images, for example {shown}; give their paths"
            )
        return self._with_copy(alike[0])

    def _with_copy(self, row: int) -> list[int]:
        return [row, self._copies[row]] if row in self._copies else [row]

    def _one_picture(self, rows: Sequence[int]) -> bool:
        return len(rows) == 1 or (len(rows) == 2 and self._copies.get(rows[0]) == rows[1])


def _find_copies(records: Sequence[ImageRecord]) -> dict[int, int]:
    """Row -> row of its copy, for queries that are in the gallery under another path, as all of VeRi-776 are.

    They are the only two images of their file name, vehicle and camera; numbers of frames may come again.
    """
    rows: dict[tuple[str, str, str | None], list[int]] = {}
    for row, record in enumerate(records):
        if record.vehicle_id is not None:
            key = record.path.rpartition("/")[2], record.vehicle_id, record.camera_id
            rows.setdefault(key, []).append(row)
    pairs = [pair for pair in rows.values() if len(pair) == 2 and listed_twice(*(records[row] for row in pair))]
    return {one: other for pair in pairs for one, other in (pair, pair[::-1])}


def _ends(path: str) -> Iterator[str]:
    """A path, and what is left of it without its first folder, its first two, ... down to the file name."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path
