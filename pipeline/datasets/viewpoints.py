"""Viewpoint labels of images, from tables beside a data set."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.datasets.lists import read_fields
from pipeline.datasets.table import read_csv, viewpoint_of
from pipeline.records import ImageRecord

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

    A row goes to the images of its file name, whatever their folder. Where that name belongs to different images (of
    other vehicles or cameras, or of unknown vehicles), it goes to the one whose path ends like the row's. An image may
    come several times, in one table or in several (SPAN's own table does that); where they disagree it counts as
    unlabelled.

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
            raise ValueError(f"{root / file}: none of its {len(strangers)} images is in the table, as {strangers[0]}")
        remarks += [f"{len(strangers)} rows of {file} fit no image, as {strangers[0]}"] if strangers else []
    unclear = [record.path for record, viewpoints in zip(records, found, strict=True) if len(viewpoints) > 1]
    if unclear:
        shown = ", ".join(unclear[:3])
        remarks.append(f"{len(unclear)} images have contradictory viewpoints and count as unlabelled, as {shown}")
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


class _Matching:
    """Which images of a table a row means."""

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        self._records = records
        self._rows: dict[str, list[int]] = {}
        for row, record in enumerate(records):
            self._rows.setdefault(_file_name(record.path), []).append(row)

    def rows(self, image: str, where: str) -> list[int]:
        """Rows of an image named by path or file name; `where` opens the message if they are different images."""
        rows = self._rows.get(_file_name(image), [])
        if self._one_picture(rows):
            return rows
        alike = [row for row in rows if _end_alike(self._records[row].path, image)]
        if len(alike) > 1:
            shown = ", ".join(self._records[row].path for row in alike[:2])
            raise ValueError(f"{where}: {image!r} fits {len(alike)} different images, as {shown}; give their paths")
        return alike

    def _one_picture(self, rows: Sequence[int]) -> bool:
        """Whether images of one name are copies of one picture, as VeRi-776's queries are of its gallery."""
        known = {(self._records[row].vehicle_id, self._records[row].camera_id) for row in rows}
        return len(rows) < 2 or (len(known) == 1 and known.pop()[0] is not None)


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _end_alike(one: str, other: str) -> bool:
    """Whether one path is the other's end, in whole names."""
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")
