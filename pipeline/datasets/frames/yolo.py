"""Boxes as YOLO's text: a folder with a file a frame."""

from pathlib import Path

from pipeline.datasets.formats.lists import read_fields, read_lines
from pipeline.datasets.frames.boxes import FrameBox, corners, number, whole
from pipeline.datasets.frames.footage import Footage

FORM = "CLASS X Y WIDTH HEIGHT [SCORE] [TRACK]"
NAMES = "classes.txt"
"""A line a class, from class 0 on; may be absent."""

Line = tuple[Path, int, list[str]]


def read(path: Path, footage: Footage) -> list[FrameBox]:
    """Read a folder of ``NAME.txt``, one for each frame that has boxes, as YOLO is trained on and writes.

    A line is `FORM`, centre and size in units of the frame's width and height. With six fields the last is the track
    where it is a whole number in all such lines of the folder, else the score. Files name frames by their stem, in a
    video by the number at its end, counted from 1. The file ``classes.txt`` gives classes names.

    Args:
        path: The folder.
        footage: The frames.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It holds no such file, a line is ill-formed, or a file names no frame.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder of YOLO's text files")
    files = [file for file in sorted(path.glob("*.txt")) if file.name != NAMES]
    if not files:
        raise ValueError(f"{path}: expected a folder of YOLO's text files, found none")
    names = [text for _, text in read_lines(path / NAMES)] if (path / NAMES).exists() else []
    lines: list[Line] = [(file, line, fields) for file in files for line, fields in read_fields(file, FORM)]
    tracked = all(fields[5].isdecimal() for _, _, fields in lines if len(fields) == 6)
    places = {file: _place(file, footage) for file in files}
    return [_box(line, places[line[0]], footage, names, tracked=tracked) for line in lines]


def _place(file: Path, footage: Footage) -> int:
    try:
        return footage.named(file.stem)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _box(line: Line, place: int, footage: Footage, names: list[str], *, tracked: bool) -> FrameBox:
    file, row, fields = line
    where = f"{file}, line {row}"
    kind = whole(fields[0], where, "CLASS")
    high, wide = footage.size(place)
    x, y, width, height = (
        number(field, where, what) * side
        for field, what, side in zip(fields[1:5], ("X", "Y", "WIDTH", "HEIGHT"), (wide, high, wide, high), strict=True)
    )
    last = fields[5:]
    track = last[-1] if len(last) == 2 or (len(last) == 1 and tracked) else ""
    score = number(last[0], where, "SCORE") if len(last) == 2 or (len(last) == 1 and not tracked) else 1.0
    return FrameBox(
        place=place,
        box=corners(x - width / 2, y - height / 2, width, height, where),
        label=names[kind] if 0 <= kind < len(names) else str(kind),
        track=str(whole(track, where, "TRACK")) if track else "",
        score=score,
        where=where,
    )
