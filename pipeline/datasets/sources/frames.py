"""Whole frames, in folders or videos, with boxes of vehicles from a detector, a tracker or an annotation."""

from pathlib import Path
from typing import Literal

from pipeline.datasets.frames.crops import BoxFormat, Crop, CropParams, open_crops, remarks_of
from pipeline.datasets.records import Found, ImageRecord, Reader, project_path
from pipeline.store.params import parameters
from pipeline.store.vocabulary import TEST_SET

BY_TRACK = "track"
"""Value of `FramesParams.vehicle` that takes a track's number for the vehicle's."""


@parameters
class SequenceParams:
    """One camera's frames and their boxes."""

    pictures: str
    """Folder of frames, or a video file, in the data set's folder."""
    boxes: str
    """File of the boxes, in the data set's folder; of YOLO the folder of its text files."""
    format: BoxFormat
    """What that file is: mot (MOTChallenge's text), coco, yolo or cvat (XML 1.1)."""
    camera: str | None
    """Name of the camera; null takes the sequence's name."""
    use: Literal["train", "query", "gallery", "both", "extra"]
    """What the crops are for: train re-ID; query, gallery or both when testing and searching; extra: masks and parts
    alone."""


@parameters
class FramesParams:
    """`prepare.frames`."""

    sequences: dict[str, SequenceParams]
    """Name -> frames of one camera and their boxes: {pictures, boxes, format, camera, use}."""
    vehicle: str | None
    """What names a box's vehicle: track, whose numbers are then the same vehicle's in all sequences, or an attribute of
    the annotation; null: vehicles are unknown, so that they can be searched, and nothing of them is scored."""
    crops: CropParams
    """Which boxes are cut out, and how."""


def read(root: Path, values: FramesParams) -> Found:
    """Read frames and boxes as a table of crops, which are cut out when they are read.

    Groups are `track`, the sequence and the number of the track in it, "" where there is none; `frame`; and `label`.
    Without `vehicle`, crops to test on are of withheld identity; where it is given, a crop that lacks one is `extra`.

    Args:
        root: The data set's folder.
        values: Sequences, and what is cut out of them.

    Returns:
        Crops by sequence, frame and place in the file of boxes.

    Raises:
        FileNotFoundError: Frames or boxes do not exist.
        ValueError: They are ill-formed or do not fit each other, or no sequence is given; the message names the file.
    """
    if not values.sequences:
        raise ValueError("prepare.frames.sequences: expected at least one sequence of frames, got none")
    records: list[ImageRecord] = []
    remarks: list[str] = []
    contents: dict[str, Reader] = {}
    for name, sequence in values.sequences.items():
        pictures, boxes = project_path(root, sequence.pictures), project_path(root, sequence.boxes)
        chosen = open_crops(pictures, boxes, sequence.format, values.crops)
        for crop in chosen.crops:
            records.append(_record(crop, name, sequence, values.vehicle))
            contents[records[-1].path] = crop
        remarks += remarks_of(chosen, name)
    lacking = sum(record.vehicle_id is None and record.split == "extra" for record in records)
    if values.vehicle is not None and lacking:
        remarks.append(f"{lacking} boxes have no {values.vehicle}, so that their vehicle is unknown")
    return Found(records, remarks, contents)


def _record(crop: Crop, name: str, sequence: SequenceParams, vehicle: str | None) -> ImageRecord:
    box = crop.box
    if vehicle is None and sequence.use == "train":
        raise ValueError(f"prepare.frames.sequences.{name}: use: train needs vehicles; prepare.frames.vehicle is null")
    vehicle_id = None if vehicle is None else box.track if vehicle == BY_TRACK else box.facts.get(vehicle)
    tested = sequence.use in ("query", "gallery", "both") and (vehicle is None or bool(vehicle_id))
    split = "extra"
    if tested:
        split = "withheld" if vehicle is None else "query" if sequence.use == "query" else "gallery"
    elif vehicle_id and sequence.use == "train":
        split = "train"
    return ImageRecord(
        path=f"{name}/{crop.name}",
        split=split,
        vehicle_id=vehicle_id or None,
        camera_id=sequence.camera or name,
        groups={
            "frame": crop.footage.name(box.place),
            "label": box.label,
            "track": f"{name}/{box.track}" if box.track else "",
        },
        roles={TEST_SET: sequence.use} if tested else {},
    )
