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
    try:
        for item in parse_xml(path, "gb18030").iter("Item"):  # a superset of gb2312 and of ASCII
            name = item.attrib["imageName"]
            if name in labels:
                raise ValueError(f"{path}: two items name {name!r}")
            label = {key: item.attrib[key] for key in attributes}
            labels[name] = label | {key: value for key, value in item.attrib.items() if key != "imageName"}
    except KeyError as error:
        raise ValueError(f"{path}: an Item lacks the attribute {error}") from error
    return labels
