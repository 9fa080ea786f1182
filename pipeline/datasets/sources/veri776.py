"""VeRi-776 in its official layout, and any data set written in it."""

import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.datasets.formats.lists import ImageList, read_lines, read_list, unlisted
from pipeline.datasets.formats.xml_labels import read_labels
from pipeline.datasets.official import Benchmark, Size
from pipeline.datasets.records import Found, ImageRecord

BENCHMARK = Benchmark(
    "VeRi-776", {"train": Size(37_778, 576), "test: query": Size(1_678, 200), "test: gallery": Size(11_579, 200)}
)


SPLITS: dict[str, tuple[str, str, str]] = {
    "train": ("name_train.txt", "image_train", "train_label.xml"),
    "query": ("name_query.txt", "image_query", "test_label.xml"),
    "gallery": ("name_test.txt", "image_test", "test_label.xml"),
}
"""Split -> its list, folder and labels. Every query image is in the gallery's list and folder too."""

LABELS: tuple[str, ...] = ("vehicleID", "cameraID", "colorID", "typeID")

NAME = re.compile(r"(?P<vehicle>\d+)_(?P<camera>c\d+)_\d+_\d+\.\w+", re.ASCII)
"""``VEHICLE_cCAMERA_FRAME_N.jpg``, matched against the file name alone: a folder's name can match it too."""

CODE = re.compile(r"(\d+)[\s\W]+(\w.*)")
"""A line of ``list_color.txt`` or ``list_type.txt``: number and name."""


def read(root: Path) -> Found:
    """Read VeRi-776's lists and labels.

    Args:
        root: Folder that holds ``image_train``, ``name_train.txt``, ``train_label.xml`` and so on.

    Returns:
        Training images, queries and gallery in the order of their lists, with the groups `color` and `type` and one
        for each further attribute of the labels (``twinID`` gives `twin`), and remarks on what the lists and labels
        leave open.

    Raises:
        FileNotFoundError: A list or label file does not exist.
        ValueError: A list or label file is ill-formed, a name does not follow the pattern, or a label disagrees with
            the name; the message names both.
    """
    labels = {file: read_labels(root / file, LABELS) for file in sorted({file for _, _, file in SPLITS.values()})}
    further = sorted({key for items in labels.values() for label in items.values() for key in label} - {*LABELS})
    colors, types = (read_codes(root / f"list_{kind}.txt") for kind in ("color", "type"))
    records: list[ImageRecord] = []
    remarks: list[str] = []
    for split, (listing, folder, label_file) in SPLITS.items():
        images = read_list(root / listing, "NAME")
        for name in images.fields:
            label = labels[label_file].get(name, {})
            vehicle_id, camera_id = _identity(name, label, images, root / label_file)
            color, kind = label.get("colorID", ""), label.get("typeID", "")
            groups = {key.removesuffix("ID"): label.get(key, "") for key in further}
            groups |= {"color": colors.get(color, color), "type": types.get(kind, kind)}
            records.append(ImageRecord(f"{folder}/{name}", split, vehicle_id, camera_id, groups=groups))
        remarks += images.remarks
        remarks += unlisted(root, folder, "*", {record.path for record in records}, listing)
        unlabelled = sum(name not in labels[label_file] for name in images.fields)
        remarks += [f"{unlabelled} images of {listing} are not in {label_file}"] if unlabelled else []
    return Found(records, remarks)


def read_codes(path: Path) -> dict[str, str]:
    """Read ``list_color.txt`` or ``list_type.txt``, lines of a number and a name; empty where there is no file.

    Raises:
        ValueError: It is no text.
    """
    lines = read_lines(path) if path.exists() else ()
    return dict((match[1], match[2]) for _, text in lines if (match := CODE.fullmatch(text)))


def _identity(name: str, label: Mapping[str, str], images: ImageList, labels: Path) -> tuple[str, str]:
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{images.where(name)}: expected names as VEHICLE_cCAMERA_FRAME_N.jpg, got {name!r}")
    vehicle_id, camera_id = match["vehicle"], match["camera"]
    if label and (label["vehicleID"], label["cameraID"]) != (vehicle_id, camera_id):
        raise ValueError(
            f"{labels}: says vehicle {label['vehicleID']}, camera {label['cameraID']} of {name!r}, "
            f"whose name says {vehicle_id}, {camera_id}"
        )
    return vehicle_id, camera_id
