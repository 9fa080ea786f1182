"""COCO files entry by entry: what each lacks, or has that cannot be, is named by its list and place."""

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.datasets.limits import LARGEST_SIDE
from pipeline.store.files import regular
from pipeline.store.words import is_text

LARGEST_NUMBER = 1e9
"""Above which a number of a box or polygon is taken for a mistake."""

Entry = Mapping[str, Any]


class CocoFile(NamedTuple):
    """A COCO file.

    Attributes:
        images: Id -> how messages name the entry, and the entry.
        annotations: How messages name each, the entry, the id of its image and the name of its category; those of
            crowds are left out.
    """

    images: dict[Hashable, tuple[str, Entry]]
    annotations: list[tuple[str, Entry, Hashable, str]]


def read(path: Path) -> CocoFile:
    """Read a COCO file.

    Args:
        path: The JSON file, UTF-8, UTF-16 or UTF-32, with or without a byte-order mark.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no COCO file, an id comes twice, or an annotation names an image or category the file lacks;
            the message gives the entry's list and place or id.
    """
    document = _document(path)
    names = {id_of(item, where): text_of(item, "name", where) for where, item in _entries(document, "categories", path)}
    images: dict[Hashable, tuple[str, Entry]] = {}
    for where, item in _entries(document, "images", path):
        if (number := id_of(item, where)) in images:
            raise ValueError(f"{where}: id {number!r} comes a second time")
        images[number] = where, item
    annotations = []
    for where, item in _entries(document, "annotations", path):
        where = f"{path}: annotation {item['id']}" if "id" in item else where
        if item.get("iscrowd"):
            continue
        image_id, category_id = (id_of(item, where, key) for key in ("image_id", "category_id"))
        if image_id not in images:
            raise ValueError(f"{where}: image_id {image_id} is not among the file's images")
        if category_id not in names:
            raise ValueError(f"{where}: category_id {category_id} is not among the file's categories")
        annotations.append((where, item, image_id, names[category_id]))
    return CocoFile(images, annotations)


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


def id_of(item: Mapping[str, Any], where: str, key: str = "id") -> Hashable:
    """An entry's number, or the text that some programs write in its place; raises ValueError where it has none."""
    value = _value(item, key, where)
    if not isinstance(value, int | str):
        raise ValueError(f"{where}: expected a number or text as {key}, got {_shown(value)}")
    return value


def text_of(item: Mapping[str, Any], key: str, where: str) -> str:
    """A text of an entry; raises ValueError where it has none."""
    value = _value(item, key, where)
    if not isinstance(value, str) or not value or "\0" in value or not is_text(value):
        raise ValueError(f"{where}: expected text as {key}, got {_shown(value)}")
    return value


def size_of(item: Mapping[str, Any], where: str) -> tuple[int, int]:
    """Height and width of an image, pixels; raises ValueError where it has none."""
    sides = [_value(item, key, where) for key in ("height", "width")]
    if not are_numbers(sides) or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise ValueError(f"{where}: expected width and height in pixels, got {_shown(sides[1])} and {_shown(sides[0])}")
    return int(sides[0]), int(sides[1])


def box_of(item: Mapping[str, Any], where: str) -> Sequence[float]:
    """The four numbers of ``bbox``; raises ValueError where they are none."""
    box = _value(item, "bbox", where)
    if not isinstance(box, list) or len(box) != 4 or not are_numbers(box):
        shown = ", ".join(map(_shown, box)) if isinstance(box, list) else _shown(box)
        raise ValueError(f"{where}: expected bbox as x, y, width, height, got {shown or 'nothing'}")
    return box


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether all values are numbers that may be pixels."""
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER
        for value in values
    )


def _shown(value: Any) -> str:
    """A value of a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
