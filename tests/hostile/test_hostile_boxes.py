import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.annotations.coco import read_coco
from pipeline.datasets.formats.xml_file import parse_xml
from pipeline.datasets.formats.xml_labels import read_labels
from tests.hostile.hostile_sets import FUZZED, coco, prepared, read_or_refused, with_parts, write_good

NAN, INFINITE = float("nan"), float("inf")


def changed(name: str, key: str, value: Any) -> dict[str, Any]:
    document = coco()
    document[name][0][key] = value
    return document


def lacking(name: str, key: str) -> dict[str, Any]:
    document = coco()
    del document[name][0][key]
    return document


ODD_VALUES: tuple[Any, ...] = (None, "x", [], {}, [1], NAN, -1, 1e400, True, 10**400)
BAD_SIZES = tuple(value for value in ODD_VALUES if value is not True)
REFUSED: dict[str, Any] = {
    **{f"box {box}": changed("annotations", "bbox", box) for box in (None, "x", [], 3, [1, 2, 3], [1, 2, 3, 4, 5])},
    **{f"box of {odd!r:.9}": changed("annotations", "bbox", [1, 2, odd, 4]) for odd in (NAN, INFINITE, "x", None, [1])},
    **{f"image {odd!r:.9}": changed("annotations", "image_id", odd) for odd in ODD_VALUES if odd is not True},
    **{f"category {odd!r:.9}": changed("annotations", "category_id", odd) for odd in ODD_VALUES if odd is not True},
    **{f"width {odd!r:.9}": changed("images", "width", odd) for odd in BAD_SIZES},
    **{f"file {odd!r:.9}": changed("images", "file_name", odd) for odd in (None, 3, "", "a\0", [])},
    **{
        f"no {name} {key}": lacking(name, key)
        for name, keys in {
            "images": ("id", "file_name", "width", "height"),
            "categories": ("id", "name"),
            "annotations": ("image_id", "category_id", "bbox"),
        }.items()
        for key in keys
    },
    **{
        f"{name} {odd!r}": coco(**{name: odd})
        for name in ("images", "categories", "annotations")
        for odd in (None, 3, [3])
    },
    "unknown category": changed("categories", "name", "door"),
    "another image": changed("images", "file_name", "other.png"),
    "a link out": changed("images", "file_name", "../good2.png"),
    "image twice": coco(images=coco()["images"] * 2),
    "another size": changed("images", "width", 31),
    "a list": b"[]",
    "text": b"text",
    "empty": b"",
    "half": json.dumps(coco()).encode()[:90],
    "deep": b"[" * 100_000,
    "latin": json.dumps(coco(), ensure_ascii=False).replace("wheel", "wh\u00e9el").encode("latin-1"),
}
KEPT: dict[str, Any] = {
    "mark": b"\xef\xbb\xbf" + json.dumps(coco()).encode(),
    "utf16": json.dumps(coco()).encode("utf-16"),
    "windows path": changed("images", "file_name", "export\\good.png"),
    "negative": changed("annotations", "bbox", [-5, -5, 20, 20]),
    "outside": changed("annotations", "bbox", [100, 100, 5, 5]),
    "flat": changed("annotations", "bbox", [1, 1, 0, 5]),
    "inside out": changed("annotations", "bbox", [10, 10, -5, -5]),
    "crowd": changed("annotations", "iscrowd", 1),
    "text ids": coco() | {"info": {"description": "<script>"}},
    "no boxes": coco(annotations=[]),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_ill_formed_annotation_is_refused_by_its_file(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValueError, match=r"parts\.json|part boxes of good\.png were drawn on 31 x 20"):
        with_parts(tmp_path / "raw", REFUSED[kind])


@pytest.mark.parametrize("kind", KEPT)
def test_what_can_be_read_is_kept(tmp_path: Path, kind: str) -> None:
    assert with_parts(tmp_path / "raw", KEPT[kind]) == ["good.png"]


VOC = "<annotation><filename>good.png</filename><size><width>30</width><height>20</height></size>{}</annotation>"
OBJECT = "<object><name>wheel</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
WHOLE = VOC.format(OBJECT)
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
XML_REFUSED: dict[str, bytes] = {
    "empty": b"",
    "text": b"text",
    "half": WHOLE.encode()[:80],
    "laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]>{VOC.format("<x>&l11;</x>")}'.encode(),
    "outside": f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>{VOC.format("<x>&x;</x>")}'.encode(),
    "parameter": f'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://localhost/x"> %x;]>{WHOLE}'.encode(),
    "undeclared": VOC.format("<x>&x;</x>").encode(),
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?>' + WHOLE.encode(),
    "no text encoding": b'<?xml version="1.0" encoding="zlib"?>' + WHOLE.encode(),
    "wrong encoding": b'<?xml version="1.0" encoding="utf-8"?>' + WHOLE.replace("good", "g\u00fct").encode("latin-1"),
    "deep": b"<a>" * 200_000,
    "nul": WHOLE.replace("good", "go\0od").encode(),
    **{f"xmin {text}": WHOLE.replace(">2<", f">{text}<").encode() for text in ("nan", "inf", "-inf", "1e999", "x", "")},
    **{f"width {text}": WHOLE.replace(">30<", f">{text}<").encode() for text in ("nan", "inf", "0", "-30", "", "1e99")},
    "no name": WHOLE.replace("<name>wheel</name>", "").encode(),
    "no box": WHOLE.replace("bndbox", "polygon").encode(),
    "no size": WHOLE.replace("size", "dimension").encode(),
    "no file": WHOLE.replace("filename", "source").encode(),
}
XML_KEPT: dict[str, bytes] = {
    "plain": WHOLE.encode(),
    "mark": b"\xef\xbb\xbf" + WHOLE.encode(),
    **{
        encoding: f'<?xml version="1.0" encoding="{encoding}"?>\n{WHOLE.replace("<size>", "<n>{}</n><size>")}'.format(
            text
        ).encode(encoding)
        for encoding, text in {
            **{"gb2312": "\u8f66", "shift_jis": "\u8eca", "iso-8859-1": "\u00e9", "windows-1252": "\u20ac"},
            **{"utf-16": "\u8f66", "big5": "\u8eca", "euc-kr": "\ucc28", "koi8-r": "\u0430"},
        }.items()
    },
    "doctype": f"<!DOCTYPE annotation>{WHOLE}".encode(),
    "windows path": WHOLE.replace("good.png", "C:\\data\\good.png").encode(),
}
PARTS = {"file": "voc", "images": None, "categories": None}


@pytest.mark.parametrize("kind", XML_REFUSED)
def test_an_ill_formed_xml_file_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    write_good(tmp_path / "raw")
    (tmp_path / "raw" / "voc").mkdir()
    (tmp_path / "raw" / "voc" / "a.xml").write_bytes(XML_REFUSED[kind])
    with pytest.raises(ValueError, match=r"a\.xml"):
        prepared(tmp_path / "raw", parts=PARTS)


@pytest.mark.parametrize("kind", XML_KEPT)
def test_xml_of_any_encoding_is_read(tmp_path: Path, kind: str) -> None:
    write_good(tmp_path / "raw")
    (tmp_path / "raw" / "voc").mkdir()
    (tmp_path / "raw" / "voc" / "a.xml").write_bytes(XML_KEPT[kind])
    assert prepared(tmp_path / "raw", parts=PARTS) == ["good.png"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(["id", "file_name", "width", "height", "name", "image_id", "category_id", "bbox", "iscrowd"])
ENTRIES = st.lists(st.dictionaries(KEYS, JSON, max_size=6), max_size=3)


@FUZZED
@given(JSON | st.fixed_dictionaries({"images": ENTRIES, "categories": ENTRIES, "annotations": ENTRIES}))
def test_any_json_is_a_coco_file_or_is_refused(tmp_path: Path, content: Any) -> None:
    (tmp_path / "parts.json").write_text(json.dumps(content), encoding="utf-8")
    read_or_refused(lambda path: read_coco(path, None, polygons=True), tmp_path / "parts.json")


@FUZZED
@given(st.binary(max_size=200) | st.text("<>/=\"' a&;!?[]%", max_size=80).map(str.encode))
def test_any_bytes_are_an_xml_file_or_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xml").write_bytes(content)
    read_or_refused(parse_xml, tmp_path / "a.xml")
    read_or_refused(lambda path: read_labels(path, ("vehicleID",)), tmp_path / "a.xml")
