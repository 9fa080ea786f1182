"""VeRi-776 in its official layout, and any data set written in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from pipeline.datasets.table import read_csv, viewpoint_of
from pipeline.records import Found, ImageRecord

SPLITS: dict[str, tuple[str, str, str]] = {
    "train": ("name_train.txt", "image_train", "train_label.xml"),
    "query": ("name_query.txt", "image_query", "test_label.xml"),
    "gallery": ("name_test.txt", "image_test", "test_label.xml"),
}
"""Split -> its list, folder and labels. Every query image is in the gallery's list and folder too."""

NAME = re.compile(r"(?P<vehicle>\d+)_(?P<camera>c\d+)_\d+_\d+\.\w+", re.ASCII)
"""``VEHICLE_cCAMERA_FRAME_N.jpg``, matched against the file name alone: a folder's name can match it too."""


@dataclass(frozen=True)
class Veri776Params:
    """`prepare.veri776`.

    Attributes:
        viewpoints: CSV of columns ``image`` (file name) and ``viewpoint`` (a name or SPAN's code 0 to 4), relative to
            the data set's folder; null where there is none.
    """

    viewpoints: str | None


def read_veri776(root: Path, values: Veri776Params) -> Found:
    """Read VeRi-776's lists, labels and viewpoints.

    Args:
        root: Folder that holds ``image_train``, ``name_train.txt``, ``train_label.xml`` and so on.
        values: Where the viewpoints are.

    Returns:
        Training images, queries and gallery in the order of their lists, with the groups `color` and `type`, and
        remarks on what the lists, labels and viewpoints leave open.

    Raises:
        FileNotFoundError: A list, folder or label file does not exist.
        ValueError: A name does not follow the pattern, a listed image is not on disk, or a label disagrees with the
            name; the message names both.
    """
    viewpoints, remarks = ({}, []) if values.viewpoints is None else read_viewpoints(root / values.viewpoints)
    labels = {file: read_labels(root / file) for file in sorted({file for _, _, file in SPLITS.values()})}
    colors, types = (read_codes(root / f"list_{kind}.txt") for kind in ("color", "type"))
    records: list[ImageRecord] = []
    for split, (listing, folder, label_file) in SPLITS.items():
        names, unlisted = _listed_names(root, listing, folder)
        remarks += [f"{unlisted} files of {folder} are not in {listing}"] if unlisted else []
        unlabelled = 0
        for name in names:
            label = labels[label_file].get(name)
            unlabelled += label is None
            vehicle_id, camera_id = _identity(name, label, root / listing, root / label_file)
            color, kind = ("", "") if label is None else (label["colorID"], label["typeID"])
            records.append(
                ImageRecord(
                    path=f"{folder}/{name}",
                    split=split,
                    vehicle_id=vehicle_id,
                    camera_id=camera_id,
                    viewpoint=viewpoints.get(name),
                    groups={"color": colors.get(color, color), "type": types.get(kind, kind)},
                )
            )
        remarks += [f"{unlabelled} images of {listing} are not in {label_file}"] if unlabelled else []
    without = sum(record.viewpoint is None for record in records)
    return Found(records, remarks + ([f"{without} images have no viewpoint"] if without else []))


def read_viewpoints(path: Path) -> tuple[dict[str, str], list[str]]:
    """Read a CSV of image names and viewpoints.

    A name may come several times (SPAN's own table does that). Where its rows disagree, it counts as unlabelled.

    Returns:
        File name -> viewpoint, and remarks that count the disagreements.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: A cell is neither a viewpoint nor a code; the message names line and column.
    """
    found: dict[str, set[str]] = {}
    for line, row in read_csv(path, ("image", "viewpoint")):
        viewpoint = viewpoint_of(row["viewpoint"], f"{path}, line {line}, column viewpoint")
        if viewpoint is not None:
            found.setdefault(Path(row["image"]).name, set()).add(viewpoint)
    unclear = sorted(name for name, viewpoints in found.items() if len(viewpoints) > 1)
    shown = ", ".join(unclear[:3])
    remarks = [f"{len(unclear)} images have contradictory viewpoints and count as unlabelled, as {shown}"]
    clear = {name: viewpoints.pop() for name, viewpoints in found.items() if len(viewpoints) == 1}
    return clear, remarks if unclear else []


def read_labels(path: Path) -> dict[str, Mapping[str, str]]:
    """Read ``train_label.xml`` or ``test_label.xml``: image name -> attributes of its ``Item``.

    The files declare gb2312, which Python's parser refuses, so they are decoded before they are parsed.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: The file is no XML or an item lacks an attribute.
    """
    try:
        text = path.read_bytes().decode("gb18030")  # a superset of gb2312 and of ASCII
        items = ElementTree.fromstring(re.sub(r"^\s*<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL)).iter("Item")
        labels: dict[str, Mapping[str, str]] = {}
        for item in items:
            attributes = {key: item.attrib[key] for key in ("vehicleID", "cameraID", "colorID", "typeID")}
            labels[item.attrib["imageName"]] = attributes
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not an XML file ({error})") from error
    except KeyError as error:
        raise ValueError(f"{path}: an Item lacks the attribute {error}") from error
    return labels


def read_codes(path: Path) -> dict[str, str]:
    """Read ``list_color.txt`` or ``list_type.txt``, lines of a number and a name; empty where there is no file."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return dict(re.findall(r"^\s*(\d+)[\s\W]+(\w.*?)\s*$", text, re.MULTILINE))


def _listed_names(root: Path, listing: str, folder: str) -> tuple[list[str], int]:
    """Names of a list, and the number of image files in its folder that it does not name."""
    names = [line.strip() for line in (root / listing).read_text(encoding="utf-8").splitlines() if line.strip()]
    on_disk = {entry.name for entry in (root / folder).iterdir()}
    missing = sorted(set(names) - on_disk)
    if missing:
        shown = ", ".join(missing[:3])
        raise ValueError(f"{root / listing}: {len(missing)} images it names are not in {folder}, as {shown}")
    return names, sum(NAME.fullmatch(name) is not None for name in on_disk - set(names))


def _identity(name: str, label: Mapping[str, str] | None, listing: Path, labels: Path) -> tuple[str, str]:
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{listing}: expected names as VEHICLE_cCAMERA_FRAME_N.jpg, got {name!r}")
    vehicle_id, camera_id = match["vehicle"], match["camera"]
    if label is not None and (label["vehicleID"], label["cameraID"]) != (vehicle_id, camera_id):
        raise ValueError(
            f"{labels}: says vehicle {label['vehicleID']}, camera {label['cameraID']} of {name!r}, "
            f"whose name says {vehicle_id}, {camera_id}"
        )
    return vehicle_id, camera_id
