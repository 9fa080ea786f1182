"""COCO annotations of parts: boxes for the detector, polygons for the ground truth of views."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.annotations.conventions import Convention, corners
from pipeline.datasets.annotations.images import AnnotatedImage, path_of_file
from pipeline.datasets.formats import coco_file


@dataclass(frozen=True)
class CocoImage(AnnotatedImage):
    """One image of a COCO file.

    Attributes:
        polygons: M lists of polygons, each `(P, 2)` float64, xy in pixels; empty where there is none or they
            were not asked for.
    """

    polygons: list[list[NDArray[np.float64]]]


def read_coco(
    path: Path, images: str | None, *, boxes: Convention | None = "xywh", polygons: bool = False
) -> dict[str, CocoImage]:
    """Read a COCO file of boxes and polygons; annotations of crowds are left out.

    Args:
        path: The JSON file, UTF-8, UTF-16 or UTF-32, with or without a byte-order mark.
        images: As `prepare.parts.images`.
        boxes: What the four numbers of ``bbox`` mean; None reads no boxes.
        polygons: Read the polygons too.

    Returns:
        `path_of_file` of an image -> its annotations, in the file's order.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no COCO file, or an entry lacks a key, names an image or category the file lacks, or has an
            ill-formed size, box or (where asked for) polygon; the message gives the entry's list and place or id.
    """
    file = coco_file.read(path)
    found: dict[Hashable, tuple[str, tuple[int, int], list[dict[str, Any]]]] = {}
    for number, (where, item) in file.images.items():
        name = path_of_file(coco_file.text_of(item, "file_name", where), images)
        found[number] = name, coco_file.size_of(item, where), []
    for where, item, image, category in file.annotations:
        box = coco_file.box_of(item, where) if boxes else [0.0] * 4
        rings = _rings(item, where) if polygons else []
        found[image][2].append({"box": box, "category": category, "polygons": rings})
    keys = [name for name, _, _ in found.values()]
    if len(set(keys)) < len(keys):
        twice = Counter(keys).most_common(1)[0][0]
        raise ValueError(f"{path}: {len(keys) - len(set(keys))} images are listed twice, for example {twice}")
    return {name: _coco_image(size, items, boxes or "xywh") for name, size, items in found.values()}


def _rings(item: Mapping[str, Any], where: str) -> list[NDArray[np.float64]]:
    rings = item.get("segmentation") or []
    if not isinstance(rings, list):
        rings = [rings]
    for ring in rings:
        if not isinstance(ring, list) or len(ring) < 6 or len(ring) % 2 or not coco_file.are_numbers(ring):
            raise ValueError(
                f"{where}: expected segmentation as lists of x, y, x, y, ..., "
                f"three points or more (run-length masks are not read)"
            )
    return [np.array(ring, np.float64).reshape(-1, 2) for ring in rings]


def _coco_image(size: tuple[int, int], items: Sequence[Mapping[str, Any]], boxes: Convention) -> CocoImage:
    return CocoImage(
        size=size,
        boxes=corners([item["box"] for item in items], boxes, size),
        categories=[item["category"] for item in items],
        polygons=[item["polygons"] for item in items],
    )
