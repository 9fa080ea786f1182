"""Pascal VOC annotations of part boxes: a folder of XML files, one per image."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from pipeline.datasets.annotations.conventions import Convention, corners
from pipeline.datasets.annotations.images import AnnotatedImage, path_of_file
from pipeline.datasets.formats.xml_file import parse_xml
from pipeline.datasets.limits import LARGEST_SIDE

CORNERS: tuple[str, ...] = ("xmin", "ymin", "xmax", "ymax")


def read_voc(folder: Path, images: str | None, boxes: Convention = "voc") -> dict[str, AnnotatedImage]:
    """Read a folder of Pascal VOC XML files, subfolders too.

    VOC counts pixels from 1 and its corners are inside the box, so that ``xmin`` 1 and ``xmax`` W span an image of
    width W: the box's left and upper edges lie at ``xmin`` - 1 and ``ymin`` - 1, the others at ``xmax`` and ``ymax``.

    Args:
        folder: The folder.
        images: As `prepare.parts.images`, for the files' ``filename``; their ``folder`` and ``path`` are not read,
            for they tell where the annotator's own copy was.
        boxes: What the four corners mean.

    Returns:
        `path_of_file` of an image -> its annotations, in the order of the files' paths.

    Raises:
        ValueError: There is no XML file, or one is ill-formed, lacks an element or annotates an image another
            annotates; the message names it.
    """
    files = sorted(folder.rglob("*.xml"))
    if not files:
        raise ValueError(f"{folder}: no XML files of part boxes")
    annotated: dict[str, AnnotatedImage] = {}
    sources: dict[str, Path] = {}
    for file in files:
        name, image = _read_file(file, boxes)
        key = path_of_file(name, images)
        if key in annotated:
            raise ValueError(f"{file}: annotates {key}, which {sources[key]} annotates too")
        annotated[key], sources[key] = image, file
    return annotated


def _read_file(path: Path, convention: Convention) -> tuple[str, AnnotatedImage]:
    root = parse_xml(path)
    objects = root.findall("object")
    height, width = (int(_number(root, f"size/{side}", path)) for side in ("height", "width"))
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise ValueError(f"{path}: expected the image's size in pixels, got {width} x {height}")
    numbers = [[_number(item, f"bndbox/{corner}", path) for corner in CORNERS] for item in objects]
    categories = [_text(item, "name", path) for item in objects]
    image = AnnotatedImage((height, width), corners(numbers, convention, (height, width)), categories)
    return _text(root, "filename", path), image


def _text(element: ElementTree.Element, name: str, path: Path) -> str:
    text = (element.findtext(name) or "").strip()
    if not text:
        raise ValueError(f"{path}: {element.tag} lacks the element {name}")
    return text


def _number(element: ElementTree.Element, name: str, path: Path) -> float:
    text = _text(element, name, path)
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise ValueError(f"{path}: expected a number in {name} of {element.tag}, got {text!r}")
    return number
