"""A look at what will be cut out of whole frames: the crops as files, their table, and a sheet of some of them."""

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.datasets.records import Found, ImageRecord
from pipeline.datasets.sources.table import COLUMNS
from pipeline.store.files import atomic_directory, read_csv, write_csv

TABLE, SHEET = "images.csv", "sheet.jpg"
"""Files beside the crops."""

SHOWN, COLUMNS_SHOWN, SIDE, CAPTION = 60, 10, 120, 30
"""Crops on the sheet, and side by side; side of each and height of its caption, pixels."""


def write_crops(
    folder: Path, found: Found, progress: Callable[[Iterable[ImageRecord], int], Iterable[ImageRecord]]
) -> None:
    """Write crops as files, a table of them that the adapter `table` reads, and a sheet; whole or not at all.

    Args:
        folder: Where to; one of earlier crops is replaced.
        found: A data set of the adapter `frames`.
        progress: Wraps the iteration over records, given them and their number.

    Raises:
        ValueError: There is no crop, a frame cannot be decoded, or the folder holds something else than crops.
        OSError: A frame cannot be read.
    """
    if not found.records:
        raise ValueError("none of the boxes is to be cut out: see prepare.frames.crops")
    _check_replaceable(folder)
    shown = set(np.linspace(0, len(found.records) - 1, min(SHOWN, len(found.records))).round().astype(int).tolist())
    tiles = []
    with atomic_directory(folder) as temporary:
        for number, record in enumerate(progress(found.records, len(found.records))):
            content = found.contents[record.path]()
            file = temporary / record.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            if number in shown:
                tiles.append(_tile(content, record))
        write_csv(temporary / TABLE, [_line(record) for record in found.records], _columns(found.records))
        Image.fromarray(_sheet(tiles)).save(temporary / SHEET, quality=88)


def _check_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but earlier crops, their table and their sheet."""
    if not folder.exists():
        return
    lacking = [name for name in (SHEET, TABLE) if not (folder / name).exists()]
    if lacking:
        raise ValueError(
            f"{folder}: expected a new folder, or one of earlier crops to replace; it holds no {lacking[0]}"
        )
    known = {SHEET, TABLE, *(line["path"] for line in read_csv(folder / TABLE, "path"))}
    files = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    foreign = next((path for path in files if path.relative_to(folder).as_posix() not in known), None)
    if foreign is not None:
        raise ValueError(f"{foreign}: expected crops of {folder / TABLE} alone, to replace them; move it elsewhere")


def _columns(records: Sequence[ImageRecord]) -> list[str]:
    return [*COLUMNS, *sorted(records[0].groups)]


def _line(record: ImageRecord) -> dict[str, str]:
    cells = record.path, record.split, record.vehicle_id or "", record.camera_id or "", record.viewpoint or ""
    return {**dict(zip(COLUMNS, cells, strict=True)), **record.groups}


def _tile(encoded: bytes, record: ImageRecord) -> NDArray[np.uint8]:
    """One crop on white, its track and frame below."""
    canvas = Image.new("RGB", (SIDE, SIDE + CAPTION), "white")
    with Image.open(io.BytesIO(encoded)) as image:
        small = image.convert("RGB")
        small.thumbnail((SIDE - 6, SIDE - 6))
    canvas.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(10)
    for line, text in enumerate((record.groups["track"] or record.groups["label"], f"frame {record.groups['frame']}")):
        draw.text((SIDE / 2, SIDE + 12 * line), text[-20:], fill="#333333", font=font, anchor="ma")
    return np.asarray(canvas, np.uint8)


def _sheet(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    blank = np.full_like(tiles[0], 255)
    width = min(COLUMNS_SHOWN, len(tiles))
    rows = [[*tiles[start : start + width]] for start in range(0, len(tiles), width)]
    rows[-1] += [blank] * (width - len(rows[-1]))
    return np.concatenate([np.concatenate(row, 1) for row in rows])
