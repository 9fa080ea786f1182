"""Viewpoint labels of images, from tables beside a data set."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.datasets.annotations.images import with_slashes
from pipeline.datasets.annotations.matching import Matching
from pipeline.datasets.formats.csv_table import read_csv, viewpoint_of
from pipeline.datasets.formats.lists import read_fields
from pipeline.datasets.records import ImageRecord
from pipeline.store.files import regular

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

    A row that fits an image by its file name alone, though the same table gives that image's own path, is of an image
    that `records` lack.

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
    matching = Matching(records)
    remarks: list[str] = []
    for file in files:
        strangers: list[str] = []
        fitting = False
        entries = list(read_viewpoints(root / file))
        own = {row for _, image, _ in entries for row in matching.at(image)}
        for line, image, viewpoint in entries:
            rows = matching.rows(image, f"{root / file}, line {line}")
            if any(row in own and not matching.is_aligned(image, row) for row in rows) and not matching.at(image):
                rows = []  # an image of that name in a folder that the table lacks
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
    with open(regular(path), encoding="utf-8-sig", errors="replace") as stream:
        head = stream.readline()
    if "," not in head and len(head.split()) > 2:
        yield from _read_keypoints(path)
        return
    header = [cell.strip() for cell in head.split(",")]
    column = next((name for name in IMAGE_COLUMNS if name in header), IMAGE_COLUMNS[0])
    for line, row in read_csv(path, (column, "viewpoint")):
        viewpoint = viewpoint_of(row["viewpoint"], f"{path}, line {line}, column viewpoint")
        if viewpoint is not None:
            yield line, with_slashes(row[column]), viewpoint


def _read_keypoints(path: Path) -> Iterator[tuple[int, str, str]]:
    codes = {str(code): viewpoint for code, viewpoint in enumerate(ORIENTATIONS)}
    for line, (image, *_, orientation) in read_fields(path, KEYPOINT_FORM):
        if orientation not in codes:
            raise ValueError(
                f"{path}, line {line}: expected an orientation 0 to {len(ORIENTATIONS) - 1}, got {orientation!r}"
            )
        yield line, with_slashes(image), codes[orientation]
