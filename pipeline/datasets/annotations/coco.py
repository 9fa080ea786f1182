"""COCO annotations of parts: boxes for the detector, polygons for the ground truth of views."""

import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.annotations.conventions import Convention, corners
from pipeline.datasets.annotations.images import LARGEST_SIDE, AnnotatedImage, path_of_file
from pipeline.datasets.formats.regular import regular

LARGEST_NUMBER = 1e9
"""Above which a number of a box or polygon is taken for a mistake."""


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
    document = _document(path)
    names = {_id(item, where): _text(item, "name", where) for where, item in _entries(document, "categories", path)}
    found: dict[Hashable, tuple[str, tuple[int, int], list[dict[str, Any]]]] = {}
    for where, item in _entries(document, "images", path):
        if (number := _id(item, where)) in found:
            raise ValueError(f"{where}: id {number!r} comes a second time")
        found[number] = path_of_file(_text(item, "file_name", where), images), _size(item, where), []
    for where, item in _entries(document, "annotations", path):
        where = f"{path}: annotation {item['id']}" if "id" in item else where
        if item.get("iscrowd"):
            continue
        image_id, category_id = (_id(item, where, key) for key in ("image_id", "category_id"))
        if image_id not in found:
            raise ValueError(f"{where}: image_id {image_id} is not among the file's images")
        if category_id not in names:
            raise ValueError(f"{where}: category_id {category_id} is not among the file's categories")
        box = _box(item, where) if boxes else [0.0] * 4
        rings = _rings(item, where) if polygons else []
        found[image_id][2].append({"box": box, "category": names[category_id], "polygons": rings})
    keys = [name for name, _, _ in found.values()]
    if len(set(keys)) < len(keys):
        twice = Counter(keys).most_common(1)[0][0]
        raise ValueError(f"{path}: {len(keys) - len(set(keys))} images are listed twice, for example {twice}")
    return {name: _coco_image(size, items, boxes or "xywh") for name, size, items in found.values()}


def _document(path: Path) -> Mapping[str, Any]:
    content = regular(path).read_bytes()
    try:
        document = json.loads(content)  # tells the encodings of JSON apart, with or without a byte-order mark
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a COCO file: no JSON ({error})") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path}: not a COCO file: expected an object, got {_shown(document)}")
    return document


def _entries(document: Mapping[str, Any], name: str, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """The entries of one of the three lists, each with how messages name it."""
    items = document.get(name)
    if not isinstance(items, list):
        has = ", ".join(map(str, document)) or "nothing"
        raise ValueError(f"{path}: not a COCO file: expected a list {name!r}; the file has {has}")
    entries = [(f"{path}: {name}[{place}]", item) for place, item in enumerate(items)]
    for where, item in entries:
        if not isinstance(item, dict):
            raise ValueError(f"{where}: expected an object, got {_shown(item)}")
    return entries


def _value(item: Mapping[str, Any], key: str, where: str) -> Any:
    if item.get(key) is None:
        remedy = "; export boxes too, not masks alone" if key == "bbox" else ""
        raise ValueError(f"{where}: {key} is missing; it has {', '.join(map(str, item)) or 'nothing'}{remedy}")
    return item[key]


def _id(item: Mapping[str, Any], where: str, key: str = "id") -> Hashable:
    value = _value(item, key, where)
    if not isinstance(value, int | str):
        raise ValueError(f"{where}: expected a number or text as {key}, got {_shown(value)}")
    return value


def _text(item: Mapping[str, Any], key: str, where: str) -> str:
    value = _value(item, key, where)
    halves = isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)  # of no character
    if not isinstance(value, str) or not value or "\0" in value or halves:
        raise ValueError(f"{where}: expected text as {key}, got {_shown(value)}")
    return value


def _size(item: Mapping[str, Any], where: str) -> tuple[int, int]:
    sides = [_value(item, key, where) for key in ("height", "width")]
    if not _are_numbers(sides) or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise ValueError(f"{where}: expected width and height in pixels, got {_shown(sides[1])} and {_shown(sides[0])}")
    return int(sides[0]), int(sides[1])


def _box(item: Mapping[str, Any], where: str) -> Sequence[float]:
    box = _value(item, "bbox", where)
    if not isinstance(box, list) or len(box) != 4 or not _are_numbers(box):
        shown = ", ".join(map(_shown, box)) if isinstance(box, list) else _shown(box)
        raise ValueError(f"{where}: expected bbox as x, y, width, height, got {shown or 'nothing'}")
    return box


def _rings(item: Mapping[str, Any], where: str) -> list[NDArray[np.float64]]:
    rings = item.get("segmentation") or []
    if not isinstance(rings, list):
        rings = [rings]
    for ring in rings:
        if not isinstance(ring, list) or len(ring) < 6 or len(ring) % 2 or not _are_numbers(ring):
            raise ValueError(
                f"{where}: expected segmentation as lists of x, y, x, y, ..., "
                f"three points or more (run-length masks are not read)"
            )
    return [np.array(ring, np.float64).reshape(-1, 2) for ring in rings]


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER
        for value in values
    )


def _shown(value: Any) -> str:
    """A value of a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _coco_image(size: tuple[int, int], items: Sequence[Mapping[str, Any]], boxes: Convention) -> CocoImage:
    return CocoImage(
        size=size,
        boxes=corners([item["box"] for item in items], boxes, size),
        categories=[item["category"] for item in items],
        polygons=[item["polygons"] for item in items],
    )
