from pathlib import Path

import pytest

from pipeline.datasets.records import check_records
from pipeline.datasets.sources import veri776
from pipeline.store.images import ImageStore
from tests.datasets.miniatures import (
    VERI_GALLERY,
    VERI_QUERIES,
    VERI_TRAIN,
    prepared,
    raw,
    write_image,
    write_labels,
    write_lines,
    write_veri776,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The official layout, inside a folder whose own name looks like an image's."""
    root = tmp_path / "0999_c099_00000000_0.jpg"
    write_veri776(root)
    return root


def test_the_official_layout_becomes_one_table(root: Path) -> None:
    found = veri776.read(root)
    check_records(found.records, "veri776")
    expected = [
        *(("train", f"image_train/{name}") for name in VERI_TRAIN),
        *(("query", f"image_query/{name}") for name in VERI_QUERIES),
        *(("gallery", f"image_test/{name}") for name in VERI_GALLERY),
    ]
    assert [(record.split, record.path) for record in found.records] == expected
    assert [record.vehicle_id for record in found.records[:6]] == ["0001", "0001", "0005", "0002", "0002", "0006"]
    assert [record.camera_id for record in found.records[:6]] == ["c001", "c002", "c019", "c003", "c004", "c003"]
    assert found.records[1].groups == {"color": "2", "type": "4"}
    assert found.records[3].groups == found.records[6].groups
    assert found.remarks == []


@pytest.mark.parametrize("separator", [" ", "-", ". ", "\t"])
def test_codes_of_colour_and_type_get_their_names(root: Path, separator: str) -> None:
    (root / "list_color.txt").write_text(f"1{separator}yellow\n2{separator}light blue\r\n")
    (root / "list_type.txt").write_text(f"4{separator}hatchback\n")
    found = veri776.read(root)
    assert [record.groups["color"] for record in found.records[:3]] == ["yellow", "light blue", "3"]
    assert found.records[0].groups["type"] == "hatchback"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_codes_may_be_chinese_in_either_encoding(root: Path, encoding: str) -> None:
    (root / "list_color.txt").write_bytes("1 黄色\n2 橙色\n".encode(encoding))
    assert [record.groups["color"] for record in veri776.read(root).records[:2]] == ["黄色", "橙色"]


def test_codes_that_are_no_text_name_their_file(root: Path) -> None:
    (root / "list_type.txt").write_bytes(b"1 \xff\xff\n")
    with pytest.raises(ValueError, match=r"list_type\.txt, line 1: not a text file in UTF-8 or GB 18030"):
        veri776.read(root)


def test_a_label_that_disagrees_with_the_name_names_both(root: Path) -> None:
    codes = {"vehicleID": "0003", "cameraID": "c003", "colorID": "1", "typeID": "1"}
    write_labels(root / "test_label.xml", {VERI_QUERIES[0]: codes})
    message = rf"test_label\.xml: says vehicle 0003, camera c003 of '{VERI_QUERIES[0]}', whose name says 0002, c003"
    with pytest.raises(ValueError, match=message):
        veri776.read(root)


def test_images_that_no_list_or_label_names_are_reported(root: Path) -> None:
    write_image(root / "image_test" / "0007_c001_00000000_0.jpg")
    (root / "image_test" / "Thumbs.db").touch()
    codes = {"vehicleID": "0001", "cameraID": "c001", "colorID": "1", "typeID": "1"}
    write_labels(root / "train_label.xml", {VERI_TRAIN[0]: codes})
    found = veri776.read(root)
    assert found.remarks == [
        "2 images of name_train.txt are not in train_label.xml",
        "1 files of image_test are not in name_test.txt",
    ]
    assert found.records[1].groups == {"color": "", "type": ""}
    assert len(found.records) == 14


def test_further_attributes_of_the_labels_become_columns_of_every_image(root: Path) -> None:
    codes = {"vehicleID": "0001", "cameraID": "c001", "colorID": "1", "typeID": "1", "twinID": "7", "model": "x"}
    write_labels(root / "train_label.xml", {VERI_TRAIN[0]: codes})
    records = veri776.read(root).records
    check_records(records, "veri776")
    assert records[0].groups == {"color": "1", "type": "1", "twin": "7", "model": "x"}
    assert (records[1].groups["twin"], records[-1].groups["twin"]) == ("", ""), "unlabelled, and labelled without it"


def test_a_name_that_does_not_follow_the_pattern_is_refused(root: Path) -> None:
    write_lines(root / "name_train.txt", [VERI_TRAIN[0], "car.jpg"])
    with pytest.raises(ValueError, match=r"name_train\.txt, line 2: expected names as VEHICLE_cCAMERA.* got 'car.jpg'"):
        veri776.read(root)


def test_the_lists_of_good_and_junk_images_hold_other_and_same_cameras(root: Path) -> None:
    good, junk = ((root / f"{kind}_index.txt").read_text().splitlines() for kind in ("gt", "jk"))
    assert [line.split() for line in good] == [["3", "4"], ["1", "2", "4"], ["7"]]
    assert [line.split() for line in junk] == [["1", "2"], ["3"], ["5", "6"]]


def viewpoint_codes(store: ImageStore) -> list[int]:
    return [int(code) for code in store.viewpoints]


def test_it_is_prepared_with_the_projects_parameters(tmp_path: Path) -> None:
    write_veri776(raw("veri776", tmp_path))
    store, lines = prepared("veri776", tmp_path)
    gallery = [1, 2, 3, 4, 2, 3, 4, -1]
    assert viewpoint_codes(store) == [0, 1, 2, gallery[0], gallery[2], gallery[5], *gallery]
    written = tmp_path / "data/images/veri776.h5"
    assert lines == ["veri776: 1 images have no viewpoint", f"veri776: 14 images, 0 left out -> {written}"]


def test_a_listed_image_that_is_missing_stops_the_stage_by_name(tmp_path: Path) -> None:
    folder = raw("veri776", tmp_path)
    write_veri776(folder)
    (folder / "image_train" / VERI_TRAIN[1]).unlink()
    with pytest.raises(
        AssertionError, match=rf"1 unusable images: image_train/{VERI_TRAIN[1]}: the file does not exist"
    ):
        prepared("veri776", tmp_path)
