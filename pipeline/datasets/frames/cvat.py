"""Boxes of CVAT's XML, version 1.1: of pictures, and of videos with tracks."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from pipeline.datasets.formats.xml_file import parse_xml
from pipeline.datasets.frames.boxes import FrameBox, corners, number, whole
from pipeline.datasets.frames.footage import Footage

SIDES = ("xtl", "ytl", "xbr", "ybr")


def read(path: Path, footage: Footage) -> list[FrameBox]:
    """Read "CVAT for images" or "CVAT for video"; other shapes than upright boxes are left out.

    Images are named; the frames of a video's tracks count from 0, in a folder by the order of paths. Boxes outside the
    picture are left out. What an annotator filled in are the boxes' facts.

    Args:
        path: The file, ``annotations.xml``.
        footage: The frames.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no such file, a box is ill-formed, or an image or frame is not there.
    """
    root = parse_xml(path)
    if root.tag != "annotations":
        raise ValueError(f"{path}: expected CVAT's element annotations, got {root.tag}")
    try:
        return [*_of_images(root, footage, path), *_of_tracks(root, footage, path)]
    except KeyError as error:
        raise ValueError(f"{path}: an element lacks the attribute {error}") from error


def _of_images(root: Element, footage: Footage, path: Path) -> Iterator[FrameBox]:
    for image in root.iter("image"):
        where = f"{path}: image {image.attrib['name']}"
        boxes = image.findall("box")
        if boxes:
            place = _located(where, footage, name=image.attrib["name"])
            size = whole(image.attrib["height"], where, "height"), whole(image.attrib["width"], where, "width")
            for box in boxes:
                yield _box(box, box.attrib["label"], "", place, size, where)


def _of_tracks(root: Element, footage: Footage, path: Path) -> Iterator[FrameBox]:
    original = root.find("meta/task/original_size")
    size = None if original is None else _original_size(original, str(path))
    for track in root.iter("track"):
        for box in track.findall("box"):
            where = f"{path}: track {track.attrib['id']}, frame {box.attrib['frame']}"
            if box.attrib.get("outside") != "1":
                place = _located(where, footage, frame=whole(box.attrib["frame"], where, "frame"))
                yield _box(box, track.attrib["label"], track.attrib["id"], place, size, where)


def _original_size(element: Element, where: str) -> tuple[int, int] | None:
    sides = element.findtext("height"), element.findtext("width")
    if sides[0] is None or sides[1] is None:
        return None
    return whole(sides[0], where, "height"), whole(sides[1], where, "width")


def _located(where: str, footage: Footage, *, name: str = "", frame: int | None = None) -> int:
    try:
        return footage.named(name) if frame is None else footage.at(frame)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _box(box: Element, label: str, track: str, place: int, size: tuple[int, int] | None, where: str) -> FrameBox:
    left, top, right, bottom = (number(box.attrib[side], where, side) for side in SIDES)
    facts: Mapping[str, str] = {
        item.attrib["name"]: (item.text or "").strip() for item in box.findall("attribute") if "name" in item.attrib
    }
    return FrameBox(
        place=place,
        box=corners(left, top, right - left, bottom - top, where),
        label=label,
        track=track,
        score=1.0,
        where=where,
        facts=facts,
        size=size,
    )
