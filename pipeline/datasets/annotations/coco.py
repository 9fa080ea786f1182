"""COCO annotations of parts: boxes for the detector, polygons for the ground truth of views."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.annotations.images import AnnotatedImage, key_of_file


@dataclass(frozen=True)
class CocoImage(AnnotatedImage):
    """One image of a COCO file.

    Attributes:
        polygons: M lists of polygons, each `(P, 2)` float64, xy in pixels; empty where there is none or they
            were not asked for.
    """

    polygons: list[list[NDArray[np.float64]]]


def read_coco(path: Path, images: str | None, *, polygons: bool = False) -> dict[str, CocoImage]:
    """Read a COCO file of boxes and polygons; annotations of crowds are left out.

    Args:
        path: The JSON file.
        images: As `prepare.parts.images`.
        polygons: Read the polygons too.

    Returns:
        `image_key` of an image -> its annotations, in the file's order.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no COCO file, or an annotation names an image or category the file lacks, or has an
            ill-formed box or (where asked for) polygon; the message gives the annotation's id.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        names = {item["id"]: str(item["name"]) for item in document["categories"]}
        annotations: dict[int, list[dict[str, Any]]] = {item["id"]: [] for item in document["images"]}
        for annotation in document["annotations"]:
            if not annotation.get("iscrowd"):
                check_annotation(annotation, annotations, names, path)
                rings = _rings(annotation, path) if polygons else []
                annotations[annotation["image_id"]].append({**annotation, "polygons": rings})
        keys = [key_of_file(item["file_name"], images) for item in document["images"]]
        if len(set(keys)) < len(keys):
            raise ValueError(f"{path}: {len(keys) - len(set(keys))} images are listed twice")
        return {
            key: _coco_image(item, annotations[item["id"]], names)
            for key, item in zip(keys, document["images"], strict=True)
        }
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a COCO file of images, annotations and categories ({error!r})") from error


def check_annotation(
    annotation: Mapping[str, Any], images: Mapping[int, Any], names: Mapping[int, str], path: Path
) -> None:
    """Check that an annotation's image, category and box are what they should be.

    Args:
        annotation: An entry of ``annotations``.
        images: The file's images by id.
        names: Its categories' names by id.
        path: The file, for messages.

    Raises:
        ValueError: They are not; the message gives the annotation's id.
        KeyError: It lacks one of them.
    """
    where = f"{path}: annotation {annotation.get('id')}"
    if annotation["image_id"] not in images:
        raise ValueError(f"{where}: image_id {annotation['image_id']} is not among the file's images")
    if annotation["category_id"] not in names:
        raise ValueError(f"{where}: category_id {annotation['category_id']} is not among the file's categories")
    box = annotation["bbox"]
    if len(box) != 4 or not np.isfinite(box).all():
        raise ValueError(f"{where}: expected bbox as x, y, width, height, got {', '.join(map(str, box))}")


def _rings(annotation: Mapping[str, Any], path: Path) -> list[NDArray[np.float64]]:
    rings = annotation.get("segmentation") or []
    for ring in rings:
        if not isinstance(ring, list) or len(ring) < 6 or len(ring) % 2 or not np.isfinite(ring).all():
            raise ValueError(
                f"{path}: annotation {annotation.get('id')}: expected segmentation as lists of x, y, x, y, ..., "
                f"three points or more (run-length masks are not read)"
            )
    return [np.array(ring, np.float64).reshape(-1, 2) for ring in rings]


def _coco_image(
    item: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], names: Mapping[int, str]
) -> CocoImage:
    corners = np.array([annotation["bbox"] for annotation in annotations], np.float64).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    return CocoImage(
        size=(int(item["height"]), int(item["width"])),
        boxes=corners,
        categories=[names[annotation["category_id"]] for annotation in annotations],
        polygons=[annotation["polygons"] for annotation in annotations],
    )
