"""Boxes of a COCO file over whole frames."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from pipeline.datasets.annotations.images import with_slashes
from pipeline.datasets.formats import coco_file
from pipeline.datasets.frames.boxes import FrameBox, corners, number
from pipeline.datasets.frames.footage import Footage

TRACK = "track_id"
"""Key of an annotation, or of its attributes, that holds its track."""


def read(path: Path, footage: Footage) -> list[FrameBox]:
    """Read a COCO file of images, categories and annotations; those of crowds are left out.

    Tracks are ``track_id``, of the annotation or among its ``attributes``; a detector's ``score`` is read too. An image
    is the frame its ``file_name`` names, by path, file name or, in a video, the number at its end, counted from 1.

    Args:
        path: The file.
        footage: The frames.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no such file, an annotation is ill-formed (the message gives its id), or an image with
            annotations is no frame.
    """
    file = coco_file.read(path)
    places: dict[Hashable, int] = {}
    found = []
    for where, annotation, image_id, label in file.annotations:
        named, image = file.images[image_id]
        if image_id not in places:
            places[image_id] = _place(coco_file.text_of(image, "file_name", named), footage, named)
        size = coco_file.size_of(image, named) if image.get("height") and image.get("width") else None
        found.append(_box(annotation, label, places[image_id], size, where))
    return found


def _place(name: str, footage: Footage, where: str) -> int:
    try:
        return footage.named(with_slashes(name))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _box(annotation: Mapping[str, Any], label: str, place: int, size: tuple[int, int] | None, where: str) -> FrameBox:
    attributes = annotation.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise ValueError(f"{where}: expected attributes as an object, got {attributes!r}")
    facts = {str(name): str(value) for name, value in attributes.items()}
    track = annotation.get(TRACK, facts.get(TRACK))
    left, top, width, height = map(float, coco_file.box_of(annotation, where))
    return FrameBox(
        place=place,
        box=corners(left, top, width, height, where),
        label=label,
        track="" if track is None else str(track),
        score=number(str(annotation.get("score", 1.0)), where, "score"),
        where=where,
        facts=facts,
        size=size,
    )
