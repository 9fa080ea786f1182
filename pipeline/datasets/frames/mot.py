"""Boxes as MOTChallenge's text: annotations, detections and tracks of one camera."""

import re
from pathlib import Path

from pipeline.datasets.formats.lists import read_lines
from pipeline.datasets.frames.boxes import FrameBox, corners, number, whole
from pipeline.datasets.frames.footage import Footage

FORM = "frame, track, left, top, width, height[, score[, class, visibility | x, y, z]]"
WITH_CLASS = 9
"""Fields of a line of an annotation, whose eighth is the class; a detection's ten have no class."""


def read(path: Path, footage: Footage) -> list[FrameBox]:
    """Read ``gt.txt``, ``det.txt`` or a tracker's output.

    Frames count from 1 and a picture's number is what its name ends with. A track below 0 is none. Corners are taken as
    they are: MOTChallenge counts pixels from 1 and most trackers from 0, which no crop feels.

    Args:
        path: The file, fields between commas or blanks.
        footage: The frames.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: A line is ill-formed, or names a frame that is not there; the message names it.
    """
    return [_box(text, f"{path}, line {line}", footage) for line, text in read_lines(path)]


def _box(text: str, where: str, footage: Footage) -> FrameBox:
    fields = re.split(r"\s*,\s*|\s+", text.rstrip(","))
    if not 6 <= len(fields) <= 10:
        raise ValueError(f"{where}: expected {FORM}, got {text!r}")
    track = whole(fields[1], where, "track")
    try:
        place = footage.numbered(whole(fields[0], where, "frame"))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    left, top, width, height = (
        number(field, where, what) for field, what in zip(fields[2:6], ("left", "top", "width", "height"), strict=True)
    )
    return FrameBox(
        place=place,
        box=corners(left, top, width, height, where),
        label=str(whole(fields[7], where, "class")) if len(fields) == WITH_CLASS else "",
        track="" if track < 0 else str(track),
        score=number(fields[6], where, "score") if len(fields) > 6 else 1.0,
        where=where,
    )
