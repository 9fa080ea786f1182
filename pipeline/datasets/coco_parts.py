"""COCO annotations of parts: boxes for the detector, polygons for the ground truth of views."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.boxes import clip_boxes, have_area
from pipeline.records import ImageRecord, PartBoxes
from pipeline.vocabulary import PART_CLASSES


@dataclass(frozen=True)
class PartsParams:
    """`prepare.parts`.

    Attributes:
        file: COCO JSON, relative to the data set's folder.
        images: Folder the file's ``file_name`` entries are relative to, itself relative to the data set's (``.``
            is the data set's folder); null matches images by file name alone, whatever their folder.
        categories: Category name -> one of `PART_CLASSES`, or null to leave its boxes out; null for the whole
            mapping where the file's names are ours.
    """

    file: str
    images: str | None
    categories: dict[str, str | None] | None


@dataclass(frozen=True)
class CocoImage:
    """One image of a COCO file.

    Attributes:
        size: Height and width, pixels, by the file.
        boxes: `(M, 4)` float64, xyxy in pixels, as annotated.
        categories: M category names.
        polygons: M lists of polygons, each `(P, 2)` float64, xy in pixels; empty where there is none or they
            were not asked for.
    """

    size: tuple[int, int]
    boxes: NDArray[np.float64]
    categories: list[str]
    polygons: list[list[NDArray[np.float64]]]


def read_coco(path: Path, images: str | None, *, polygons: bool = False) -> dict[str, CocoImage]:
    """Read a COCO file of boxes and polygons; annotations of crowds are left out.

    Args:
        path: The JSON file.
        images: As `PartsParams.images`.
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
                _check_annotation(annotation, annotations, names, path)
                rings = _rings(annotation, path) if polygons else []
                annotations[annotation["image_id"]].append({**annotation, "polygons": rings})
        keys = [image_key(str(PurePosixPath(images or ".", item["file_name"])), images) for item in document["images"]]
        if len(set(keys)) < len(keys):
            raise ValueError(f"{path}: {len(keys) - len(set(keys))} images are listed twice")
        return {
            key: _coco_image(item, annotations[item["id"]], names)
            for key, item in zip(keys, document["images"], strict=True)
        }
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a COCO file of images, annotations and categories ({error!r})") from error


def image_key(path: str, images: str | None) -> str:
    """What identifies an image in a COCO file: its path in the data set, or its file name where `images` is None."""
    return PurePosixPath(path).name if images is None else path


def attach_parts(
    records: Sequence[ImageRecord], root: Path, values: PartsParams
) -> tuple[list[ImageRecord], list[str]]:
    """Give records the part boxes a COCO file holds of them.

    Boxes refer to the upright image; they are clipped to it, and those without an area after that are left out.
    An image the file lists is annotated even where it has no box; one it does not list is not.

    Args:
        records: The table.
        root: The data set's folder.
        values: The file and the meaning of its categories.

    Returns:
        The records with `parts`, and remarks that count what was left out.

    Raises:
        ValueError: As `read_coco`; or a category has no entry in the mapping, or one of an unknown class; or no
            image of the file is in the table.
    """
    path = root / values.file
    annotated = read_coco(path, values.images)
    labels = part_labels({name for image in annotated.values() for name in image.categories}, values, path)
    keys = [image_key(record.path, values.images) for record in records]
    strangers = sorted(set(annotated) - set(keys))
    if len(strangers) == len(annotated):
        raise ValueError(f"{path}: none of its {len(annotated)} images is in the table, as {strangers[:1]}")
    parts = {key: _part_boxes(annotated[key], labels) for key in keys if key in annotated}
    result = [
        replace(record, parts=parts[key][0]) if key in parts else record
        for record, key in zip(records, keys, strict=True)
    ]
    dropped = sum(without_area for _, without_area in parts.values())
    remarks = [f"{sum(len(found.boxes) for found, _ in parts.values())} part boxes on {len(parts)} images"]
    remarks += [f"{dropped} part boxes without area inside their image were left out"] if dropped else []
    if strangers:
        remarks.append(f"{len(strangers)} images of {values.file} are not in the table, as {strangers[0]}")
    return result, remarks


def part_labels(found: set[str], values: PartsParams, path: Path) -> dict[str, int | None]:
    """Category name -> index into `PART_CLASSES`, None for those to leave out.

    Raises:
        ValueError: A category of the file has no entry, or an entry names an unknown class.
    """
    mapping = {name: name for name in PART_CLASSES} if values.categories is None else values.categories
    unmapped = sorted(found - set(mapping))
    if unmapped:
        raise ValueError(
            f"{path}: category {unmapped[0]!r} has no entry under prepare.parts.categories; "
            f"give one of {', '.join(PART_CLASSES)}, or null to leave it out"
        )
    for name, target in mapping.items():
        if target is not None and target not in PART_CLASSES:
            raise ValueError(
                f"prepare.parts.categories.{name}: expected null or one of {', '.join(PART_CLASSES)}, got {target!r}"
            )
    return {name: None if target is None else PART_CLASSES.index(target) for name, target in mapping.items()}


def _part_boxes(image: CocoImage, labels: Mapping[str, int | None]) -> tuple[PartBoxes, int]:
    height, width = image.size
    codes = [labels[name] for name in image.categories]
    wanted = np.array([code is not None for code in codes], bool)
    scaled = (image.boxes[wanted] / [width, height, width, height]).astype(np.float32)
    boxes = clip_boxes(scaled)
    kept = have_area(boxes)
    chosen = np.array([code for code in codes if code is not None], np.uint8)[kept]
    return PartBoxes(boxes[kept], chosen, image.size), int(np.count_nonzero(~kept))


def _check_annotation(
    annotation: Mapping[str, Any], images: Mapping[int, Any], names: Mapping[int, str], path: Path
) -> None:
    where = f"{path}: annotation {annotation.get('id')}"
    if annotation["image_id"] not in images:
        raise ValueError(f"{where}: image_id {annotation['image_id']} is not among the file's images")
    if annotation["category_id"] not in names:
        raise ValueError(f"{where}: category_id {annotation['category_id']} is not among the file's categories")
    box = annotation["bbox"]
    if len(box) != 4 or not np.isfinite(box).all():
        raise ValueError(f"{where}: expected bbox [x, y, width, height], got {box}")


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
