"""A short sequence of drawn frames, several vehicles on each, with boxes and tracks in every format that is read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.frames.crops import CropParams
from tests.datasets.miniatures import write_lines

HEIGHT, WIDTH = 90, 120
COLOURS = {"1": (200, 30, 30), "2": (30, 60, 200)}
"""Track -> RGB of its vehicle."""

TAKEN = CropParams(labels=(), score_above=0.0, least_side=8, every=1, margin=0.0, quality=None)
"""Crops exactly as the boxes are."""


class Drawn(NamedTuple):
    """A vehicle on a frame: the frame's place, its track, and left, top, width and height in pixels."""

    place: int
    track: str
    box: tuple[int, int, int, int]


SCENE = tuple(
    Drawn(place, track, box)
    for place in range(4)
    for track, box in (("1", (10 + 8 * place, 10, 30, 20)), ("2", (80 - 8 * place, 50, 24, 28)))
)
"""Two vehicles that pass each other in four frames."""


def draw_frame(place: int) -> NDArray[np.uint8]:
    """One frame of `SCENE`, `(90, 120, 3)` uint8 RGB."""
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for drawn in SCENE:
        if drawn.place == place:
            left, top, width, height = drawn.box
            frame[top : top + height, left : left + width] = COLOURS[drawn.track]
    return frame


def write_pictures(folder: Path, first: int = 1) -> Path:
    """Write the frames as ``000001.png`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(4):
        image = cv2.cvtColor(draw_frame(place), cv2.COLOR_RGB2BGR)
        assert cv2.imwrite(str(folder / f"{place + first:06d}.png"), image)
    return folder


def write_video(path: Path) -> Path:
    """Write the frames as a video, which changes colours a little."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for place in range(4):
        writer.write(cv2.cvtColor(draw_frame(place), cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def write_mot(path: Path, scene: Sequence[Drawn] = SCENE, fields: str = "0.9,-1,-1,-1") -> Path:
    """Write boxes as MOTChallenge does, `fields` at the end of each line."""
    lines = (",".join(map(str, [drawn.place + 1, drawn.track, *drawn.box, fields])) for drawn in scene)
    write_lines(path, lines)
    return path


def coco_of_frames() -> dict[str, Any]:
    """Boxes as a COCO document, tracks among the attributes, as CVAT exports them."""
    return {
        "images": [
            {"id": 10 + place, "file_name": f"img/{place + 1:06d}.png", "height": HEIGHT, "width": WIDTH}
            for place in range(4)
        ],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {
                "id": number,
                "image_id": 10 + drawn.place,
                "category_id": 1,
                "bbox": list(drawn.box),
                "attributes": {"track_id": int(drawn.track), "plate": f"P{drawn.track}"},
            }
            for number, drawn in enumerate(SCENE, 1)
        ],
    }


def write_coco(path: Path) -> Path:
    """Write `coco_of_frames`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(coco_of_frames()), encoding="utf-8")
    return path


def write_yolo(folder: Path, ends: str = " 0.9 {track}", stem: str = "{number:06d}") -> Path:
    """Write boxes as YOLO does, `ends` at the end of each line."""
    for place in range(4):
        lines = []
        for drawn in SCENE:
            if drawn.place == place:
                left, top, width, height = drawn.box
                centre = (left + width / 2) / WIDTH, (top + height / 2) / HEIGHT
                numbers = " ".join(f"{value:.6f}" for value in (*centre, width / WIDTH, height / HEIGHT))
                lines.append(f"0 {numbers}{ends.format(track=drawn.track)}")
        write_lines(folder / f"{stem.format(number=place + 1)}.txt", lines)
    write_lines(folder / "classes.txt", ["car", "bus"])
    return folder


def _corners(drawn: Drawn) -> str:
    left, top, width, height = drawn.box
    return f'xtl="{left}" ytl="{top}" xbr="{left + width}" ybr="{top + height}"'


def write_cvat_video(path: Path) -> Path:
    """Write boxes as CVAT does for a video, each track ended by a box outside the picture."""
    tracks = []
    for track in COLOURS:
        own = [drawn for drawn in SCENE if drawn.track == track]
        facts = f'<attribute name="plate">P{track}</attribute>'
        boxes = [f'<box frame="{drawn.place}" outside="0" {_corners(drawn)}>{facts}</box>' for drawn in own]
        boxes.append(f'<box frame="4" outside="1" {_corners(own[-1])}/>')
        tracks.append(f'<track id="{track}" label="car">{"".join(boxes)}</track>')
    size = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"
    text = f"<annotations><version>1.1</version><meta><task>{size}</task></meta>{''.join(tracks)}</annotations>"
    write_lines(path, ['<?xml version="1.0" encoding="utf-8"?>', text])
    return path


def write_cvat_images(path: Path) -> Path:
    """Write boxes as CVAT does for images, which have no tracks."""
    images = []
    for place in range(4):
        boxes = "".join(f'<box label="car" {_corners(drawn)}/>' for drawn in SCENE if drawn.place == place)
        name = f'name="img/{place + 1:06d}.png" width="{WIDTH}" height="{HEIGHT}"'
        images.append(f'<image id="{place}" {name}>{boxes}</image>')
    write_lines(path, [f"<annotations><version>1.1</version>{''.join(images)}</annotations>"])
    return path
