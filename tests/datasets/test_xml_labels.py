from pathlib import Path

import pytest

from pipeline.datasets.formats.xml_labels import read_labels

ITEM = '<Item imageName="a" vehicleID="1" cameraID="c1" colorID="红"/>'


def write(folder: Path, text: str) -> Path:
    (folder / "l.xml").write_bytes(f'<?xml version="1.0" encoding="gb2312"?>\n{text}'.encode("gb2312"))
    return folder / "l.xml"


def test_chinese_labels_are_read_although_python_refuses_gb2312(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, f"<I>{ITEM}</I>"), ("vehicleID", "colorID"))
    assert labels == {"a": {"vehicleID": "1", "cameraID": "c1", "colorID": "红"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<I>", "not an XML file"),
        ("<I><Item/></I>", "Item 1 lacks the attribute 'imageName'"),
        ('<I><Item imageName="a"/></I>', "Item 1 lacks the attribute 'vehicleID'"),
        (f"<I>{ITEM}{ITEM}</I>", "Item 2 names 'a' a second time"),
    ],
)
def test_broken_labels_are_refused_with_their_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"l\.xml: .*{message}"):
        read_labels(write(tmp_path, text), ("vehicleID",))
