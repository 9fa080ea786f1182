"""XML label files of VeRi-776 and CityFlow-ReID: one ``Item`` an image."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.datasets.formats.xml_file import parse_xml


def read_labels(path: Path, attributes: tuple[str, ...]) -> dict[str, Mapping[str, str]]:
    """Read ``train_label.xml`` or one like it: image name -> attributes of its ``Item``, in the file's order.

    An item's further attributes come along, its ``imageName`` does not.

    The files declare gb2312; they are read as GB 18030.

    Args:
        path: The file.
        attributes: Those each item must have beside ``imageName``.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: The file is no XML, an item lacks an attribute, or two items name one image.
    """
    labels: dict[str, Mapping[str, str]] = {}
    items = parse_xml(path, "gb18030").iter("Item")  # a superset of gb2312 and of ASCII
    for place, item in enumerate(items, 1):
        if lacking := [key for key in ("imageName", *attributes) if key not in item.attrib]:
            raise ValueError(f"{path}: Item {place} lacks the attribute {lacking[0]!r}")
        name = item.attrib["imageName"]
        if name in labels:
            raise ValueError(f"{path}: Item {place} names {name!r} a second time")
        label = {key: item.attrib[key] for key in attributes}
        labels[name] = label | {key: value for key, value in item.attrib.items() if key != "imageName"}
    return labels
