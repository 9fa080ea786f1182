"""Vehicles cut out of whole frames, as image files that are made when they are read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveInt

from pipeline.datasets.frames import coco, cvat, mot, yolo
from pipeline.datasets.frames.boxes import FrameBox
from pipeline.datasets.frames.footage import Footage, open_footage
from pipeline.store.params import parameters

Window = tuple[int, int, int, int]
"""Left, top, right and bottom of the pixels cut out."""

BoxFormat = Literal["mot", "coco", "yolo", "cvat"]

FORMATS = {"mot": mot.read, "coco": coco.read, "yolo": yolo.read, "cvat": cvat.read}
"""Kind of file -> what reads its boxes, given the file and the frames they are on."""


@parameters
class CropParams:
    """Which boxes of whole frames are cut out, and how."""

    labels: tuple[str, ...]
    """Classes of the boxes taken, as the file writes them; [] takes all."""
    score_above: float
    """Boxes whose score is not greater are left out; MOTChallenge marks boxes to ignore by 0, and formats without a
    score have 1."""
    least_side: PositiveInt
    """Pixels of the shorter side of a box, within the frame; smaller ones are left out."""
    every: PositiveInt
    """Only each n-th frame is used, from the first one on."""
    margin: NonNegativeFloat
    """What a box grows by on each side before it is cut out, as a share of its width and height; the frame ends it."""
    quality: Annotated[int, Field(ge=1, le=100)] | None
    """JPEG's quality of the crops, 1 to 100; null writes PNG, which loses nothing and is some four times as large."""


@dataclass(frozen=True)
class Crop:
    """One vehicle of one frame; called, it gives its image file.

    Attributes:
        footage: The frames.
        box: What was annotated.
        window: What is cut out, inside the frame.
        number: Its place among the crops of its frame, from 1.
        quality: As `CropParams.quality`.
    """

    footage: Footage
    box: FrameBox
    window: Window
    number: int
    quality: int | None

    @property
    def name(self) -> str:
        """Path of its file, which no other crop of the footage has."""
        return f"{self.footage.name(self.box.place)}_{self.number:02d}{'.png' if self.quality is None else '.jpg'}"

    def pixels(self) -> NDArray[np.uint8]:
        """`(H, W, 3)` uint8, RGB.

        Raises:
            OSError: The frame cannot be read.
            ValueError: It cannot be decoded, or is no longer of the size it had.
        """
        frame, (left, top, right, bottom) = self.footage.frame(self.box.place), self.window
        if frame.shape[:2] != self.footage.size(self.box.place):
            high, wide = self.footage.size(self.box.place)
            found = f"{frame.shape[1]} x {frame.shape[0]}"
            raise ValueError(f"{self.box.where}: expected a frame of {wide} x {high} pixels, got {found}")
        return frame[top:bottom, left:right]

    def __call__(self) -> bytes:
        """The crop as a JPEG or PNG file; raises as `pixels`."""
        ending, options = (".png", []) if self.quality is None else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        _, encoded = cv2.imencode(ending, cv2.cvtColor(self.pixels(), cv2.COLOR_RGB2BGR), options)
        return encoded.tobytes()


@dataclass
class Chosen:
    """Crops of some footage.

    Attributes:
        crops: By frame, then in the file's order.
        left_out: Reason -> boxes left out for it.
    """

    crops: list[Crop] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def open_crops(pictures: Path, boxes: Path, kind: BoxFormat, values: CropParams) -> Chosen:
    """Read boxes and choose what to cut out; no frame is decoded yet.

    Args:
        pictures: A folder of frames, or a video.
        boxes: File of their boxes; of YOLO the folder.
        kind: What it is.
        values: What is cut out.

    Raises:
        FileNotFoundError: One of them does not exist.
        ValueError: One of them is ill-formed, or they do not fit each other; the message names file and place.
    """
    footage = open_footage(pictures)
    if not boxes.exists():
        raise FileNotFoundError(f"{boxes}: no such file of boxes ({kind})")
    return choose(footage, FORMATS[kind](boxes, footage), values)


def choose(footage: Footage, boxes: Sequence[FrameBox], values: CropParams) -> Chosen:
    """Choose what to cut out of frames; raises as `open_crops`."""
    _check_said_once(boxes)
    chosen = Chosen()
    of_frame: Counter[int] = Counter()
    for box in sorted(boxes, key=lambda box: box.place):
        if box.place % values.every:
            chosen.left_out["of frames not used"] += 1
        elif values.labels and box.label not in values.labels:
            chosen.left_out["of other classes"] += 1
        elif box.score <= values.score_above:
            chosen.left_out[f"with a score of {values.score_above:g} or less"] += 1
        elif (window := _window(footage, box, values)) is None:
            chosen.left_out[f"with less than {values.least_side} pixels a side"] += 1
        else:
            of_frame[box.place] += 1
            chosen.crops.append(Crop(footage, box, window, of_frame[box.place], values.quality))
    return chosen


def _check_said_once(boxes: Sequence[FrameBox]) -> None:
    """Check that no box stands twice, which would count twice in its track."""
    said: dict[tuple[object, ...], str] = {}
    for box in boxes:
        content = box.place, box.box, box.label, box.track, box.score
        if content in said:
            raise ValueError(f"{box.where}: expected each box once, this one is a copy of that at {said[content]}")
        said[content] = box.where


def _window(footage: Footage, box: FrameBox, values: CropParams) -> Window | None:
    """Whole pixels of a box with its margin; None where too little of the box itself is on the frame."""
    high, wide = footage.size(box.place)
    if box.size is not None and box.size != (high, wide):
        drawn = f"{box.size[1]} x {box.size[0]}"
        raise ValueError(f"{box.where}: expected a frame of {drawn} pixels, as annotated; it has {wide} x {high}")
    left, top, right, bottom = box.box
    shown = min(right, wide) - max(left, 0), min(bottom, high) - max(top, 0)
    if min(shown) < values.least_side:
        return None
    across, down = values.margin * (right - left), values.margin * (bottom - top)
    return (
        max(round(left - across), 0),
        max(round(top - down), 0),
        min(round(right + across), wide),
        min(round(bottom + down), high),
    )


def remarks_of(chosen: Chosen, name: str) -> Iterator[str]:
    """What a reader should know of boxes that were left out, a sentence each."""
    for reason, count in sorted(chosen.left_out.items()):
        yield f"{name}: {count} boxes {reason} are left out"
