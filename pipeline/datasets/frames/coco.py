"""Boxes of a COCO file over whole frames."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.datasets.annotations.coco import check_annotation
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
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        images = {item["id"]: item for item in document["images"]}
        names = {item["id"]: str(item["name"]) for item in document["categories"]}
        places: dict[Any, int] = {}
        found = []
        for annotation in document["annotations"]:
            if annotation.get("iscrowd"):
                continue
            check_annotation(annotation, images, names, path)
            image = images[annotation["image_id"]]
            if image["id"] not in places:
                places[image["id"]] = _place(image, footage, path)
            found.append(_box(annotation, image, places[image["id"]], names, path))
        return found
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a COCO file of images, annotations and categories ({error!r})") from error


def _place(image: Mapping[str, Any], footage: Footage, path: Path) -> int:
    try:
        return footage.named(str(image["file_name"]))
    except ValueError as error:
        raise ValueError(f"{path}: image {image['id']}: {error}") from error


def _box(
    annotation: Mapping[str, Any], image: Mapping[str, Any], place: int, names: Mapping[Any, str], path: Path
) -> FrameBox:
    where = f"{path}: annotation {annotation.get('id')}"
    facts = {str(name): str(value) for name, value in (annotation.get("attributes") or {}).items()}
    track = annotation.get(TRACK, facts.get(TRACK))
    left, top, width, height = map(float, annotation["bbox"])
    sized = bool(image.get("height") and image.get("width"))
    return FrameBox(
        place=place,
        box=corners(left, top, width, height, where),
        label=names[annotation["category_id"]],
        track="" if track is None else str(track),
        score=number(str(annotation.get("score", 1.0)), where, "score"),
        where=where,
        facts=facts,
        size=(int(image["height"]), int(image["width"])) if sized else None,
    )
