"""Annotated part boxes of a table's images: their files, and what their categories mean here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.datasets.annotations.coco import read_coco
from pipeline.datasets.annotations.conventions import Convention, misplaced
from pipeline.datasets.annotations.images import AnnotatedImage
from pipeline.datasets.annotations.matching import Matching
from pipeline.datasets.annotations.voc import read_voc
from pipeline.datasets.records import ImageRecord
from pipeline.store.boxes import PartBoxes, clip_boxes, have_area
from pipeline.store.params import parameters
from pipeline.store.vocabulary import PART_CLASSES

MISPLACED_SHARE = 0.2
"""Share of boxes that leave their image above which all of them are likely meant otherwise."""


@parameters
class PartsParams:
    """`prepare.parts`."""

    file: str
    """COCO JSON, or a folder of Pascal VOC XML files; relative to the data set's folder."""
    images: str | None
    """Folder the file names in it are relative to (``file_name`` or ``filename``), itself relative to the data set's
    (``.`` is the data set's folder), so that they are paths; null also takes a bare file name, or a path that starts in
    other folders, where one image alone fits it."""
    categories: dict[str, str | None] | None
    """Category name -> one of `PART_CLASSES`, or null to leave its boxes out; null for the whole mapping where the
    annotation's names are ours."""
    boxes: Convention | None = None
    """What a box's four numbers mean: xywh (left, top, width, height), xyxy (left, top, right, bottom), centre (centre,
    width, height), in pixels; any of them with _shares, as xywh_shares, as shares of the image's width and height; voc,
    first and last pixel counted from 1. null: xywh in COCO, voc in Pascal VOC."""


def attach_parts(
    records: Sequence[ImageRecord], root: Path, values: PartsParams
) -> tuple[list[ImageRecord], list[str]]:
    """Give records the part boxes that annotations hold of them.

    Boxes refer to the upright image; they are clipped to it, and those without an area after that are left out.
    An annotated image counts as annotated even where it has no box.

    Args:
        records: The table.
        root: The data set's folder.
        values: The annotations and the meaning of their categories.

    Returns:
        The records with `parts`, and remarks that count what was left out.

    Raises:
        ValueError: As `read_coco` or `read_voc`; or a category has no entry in the mapping, or one of an unknown
            class; or no annotated image is in the table.
    """
    path = root / values.file
    annotated = read_annotated(root, values)
    labels = part_labels({name for image in annotated.values() for name in image.categories}, values, path)
    rows = Matching(records).assign(annotated, str(path), paths_only=values.images is not None)
    strangers = sorted(set(annotated) - set(rows))
    if len(strangers) == len(annotated):
        shown = f", for example {strangers[0]}" if strangers else ""
        raise ValueError(f"{path}: none of its {len(annotated)} images is in the table{shown}")
    parts = {name: _part_boxes(annotated[name], labels) for name in rows}
    result = list(records)
    for name, images in rows.items():
        for row in images:
            result[row] = replace(records[row], parts=parts[name][0])
    dropped = sum(without_area for _, without_area in parts.values())
    remarks = [f"{sum(len(found.boxes) for found, _ in parts.values())} part boxes on {len(parts)} images"]
    wrong, total = misplaced(annotated.values())
    if wrong > MISPLACED_SHARE * total:
        remarks.append(
            f"{wrong} of {total} part boxes of {values.file} leave their image or are smaller than a pixel; "
            "`reid check` says whether prepare.parts.boxes is right"
        )
    remarks += [f"{dropped} part boxes without area inside their image were left out"] if dropped else []
    if strangers:
        remarks.append(f"{len(strangers)} images of {values.file} are not in the table, for example {strangers[0]}")
    return result, remarks


def read_annotated(root: Path, values: PartsParams) -> Mapping[str, AnnotatedImage]:
    """Annotated images by what the annotation calls them; raises as `read_coco` or `read_voc`."""
    path = root / values.file
    if path.is_dir():
        return read_voc(path, values.images, values.boxes or "voc")
    return read_coco(path, values.images, boxes=values.boxes or "xywh")


def part_labels(found: set[str], values: PartsParams, path: Path) -> dict[str, int | None]:
    """Category name -> index into `PART_CLASSES`, None for those to leave out.

    Raises:
        ValueError: A category that occurs has no entry, or an entry names an unknown class.
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


def _part_boxes(image: AnnotatedImage, labels: Mapping[str, int | None]) -> tuple[PartBoxes, int]:
    height, width = image.size
    codes = [labels[name] for name in image.categories]
    wanted = np.array([code is not None for code in codes], bool)
    scaled = (image.boxes[wanted] / [width, height, width, height]).astype(np.float32)
    boxes = clip_boxes(scaled)
    kept = have_area(boxes)
    chosen = np.array([code for code in codes if code is not None], np.uint8)[kept]
    return PartBoxes(boxes[kept], chosen, image.size), int(np.count_nonzero(~kept))
