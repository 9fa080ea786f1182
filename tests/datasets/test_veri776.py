from pathlib import Path

import pytest

from pipeline.datasets.veri776 import Veri776Params, read_labels, read_veri776
from pipeline.records import check_records

TRAIN = ["0001_c001_00016450_0.jpg", "0001_c002_00016460_0.jpg", "0005_c019_00000001_12.jpg"]
TEST = ["0002_c003_00030600_0.jpg", "0002_c004_00030605_1.jpg"]
QUERY = TEST[:1]
LISTS = {"train": TRAIN, "query": QUERY, "test": TEST}


def write_labels(path: Path, names: list[str], **changes: str) -> None:
    items = []
    for index, name in enumerate(names):
        facts = {"vehicleID": name[:4], "cameraID": name[5:9], "colorID": str(index + 1), "typeID": "4", **changes}
        items.append(f'<Item imageName="{name}" ' + " ".join(f'{k}="{v}"' for k, v in facts.items()) + " />")
    text = f'<?xml version="1.0" encoding="gb2312"?>\n<Images Version="1.0"><Items>{"".join(items)}</Items></Images>'
    path.write_bytes(text.encode("gb2312"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The official layout, inside a folder whose own name looks like an image's."""
    root = tmp_path / "0999_c099_00000000_0.jpg"
    for split, names in LISTS.items():
        (root / f"image_{split}").mkdir(parents=True)
        for name in names:
            (root / f"image_{split}" / name).touch()
        (root / f"name_{split}.txt").write_text("".join(f"{name}\r\n" for name in names))
    write_labels(root / "train_label.xml", TRAIN)
    write_labels(root / "test_label.xml", TEST)
    return root


def test_the_official_layout_becomes_one_table(root: Path) -> None:
    found = read_veri776(root, Veri776Params(None))
    check_records(found.records, "veri776")
    expected = [
        *(("train", f"image_train/{name}") for name in TRAIN),
        *(("query", f"image_query/{name}") for name in QUERY),
        *(("gallery", f"image_test/{name}") for name in TEST),
    ]
    assert [(record.split, record.path) for record in found.records] == expected
    assert [record.vehicle_id for record in found.records] == ["0001", "0001", "0005", "0002", "0002", "0002"]
    assert [record.camera_id for record in found.records] == ["c001", "c002", "c019", "c003", "c003", "c004"]
    assert found.records[1].groups == {"color": "2", "type": "4"}
    assert found.records[3].groups == found.records[4].groups
    assert found.remarks == ["6 images have no viewpoint"]


@pytest.mark.parametrize("separator", [" ", "-", ". ", "\t"])
def test_codes_of_colour_and_type_get_their_names(root: Path, separator: str) -> None:
    (root / "list_color.txt").write_text(f"1{separator}yellow\n2{separator}light blue\r\n")
    (root / "list_type.txt").write_text(f"4{separator}hatchback\n")
    found = read_veri776(root, Veri776Params(None))
    assert [record.groups["color"] for record in found.records[:3]] == ["yellow", "light blue", "3"]
    assert found.records[0].groups["type"] == "hatchback"


def test_viewpoints_go_by_file_name_and_missing_ones_are_counted(root: Path) -> None:
    rows = f"{TRAIN[0]},front\n{TRAIN[0]},0\n{TEST[0]},4\nimage_train/{TRAIN[1]},\nunknown.jpg,rear\n"
    (root / "viewpoints.csv").write_text(f"image,viewpoint\n{rows}")
    found = read_veri776(root, Veri776Params("viewpoints.csv"))
    viewpoints = [record.viewpoint for record in found.records]
    assert viewpoints == ["front", None, None, "rear-side", "rear-side", None]
    assert found.remarks == ["3 images have no viewpoint"]


def test_contradictory_viewpoints_count_as_unlabelled_and_are_reported(root: Path) -> None:
    (root / "viewpoints.csv").write_text(f"image,viewpoint\n{TRAIN[0]},front\n{TRAIN[0]},2\n")
    found = read_veri776(root, Veri776Params("viewpoints.csv"))
    assert found.records[0].viewpoint is None
    assert f"1 images have contradictory viewpoints and count as unlabelled, as {TRAIN[0]}" in found.remarks


def test_a_wrong_viewpoint_is_named_by_line(root: Path) -> None:
    (root / "viewpoints.csv").write_text(f"image,viewpoint\n{TRAIN[0]},front\n{TRAIN[1]},7\n")
    with pytest.raises(ValueError, match=r"viewpoints\.csv, line 3, column viewpoint: .* got '7'"):
        read_veri776(root, Veri776Params("viewpoints.csv"))


def test_a_label_that_disagrees_with_the_name_names_both(root: Path) -> None:
    write_labels(root / "test_label.xml", TEST, vehicleID="0003")
    message = rf"test_label\.xml: says vehicle 0003, camera c003 of '{QUERY[0]}', whose name says 0002, c003"
    with pytest.raises(ValueError, match=message):
        read_veri776(root, Veri776Params(None))


def test_listed_images_that_are_missing_are_counted_and_shown(root: Path) -> None:
    for name in TRAIN[:2]:
        (root / "image_train" / name).unlink()
    with pytest.raises(
        ValueError, match=rf"name_train\.txt: 2 images .* not in image_train, as {TRAIN[0]}, {TRAIN[1]}"
    ):
        read_veri776(root, Veri776Params(None))


def test_images_that_no_list_or_label_names_are_reported(root: Path) -> None:
    (root / "image_test" / "0007_c001_00000000_0.jpg").touch()
    (root / "image_test" / "Thumbs.db").touch()
    write_labels(root / "train_label.xml", TRAIN[1:])
    found = read_veri776(root, Veri776Params(None))
    assert "1 files of image_test are not in name_test.txt" in found.remarks
    assert "1 images of name_train.txt are not in train_label.xml" in found.remarks
    assert found.records[0].groups == {"color": "", "type": ""}
    assert len(found.records) == 6


def test_a_name_that_does_not_follow_the_pattern_is_refused(root: Path) -> None:
    (root / "image_train" / "car.jpg").touch()
    with open(root / "name_train.txt", "a") as stream:
        stream.write("car.jpg\n")
    with pytest.raises(ValueError, match=r"name_train\.txt: expected names as VEHICLE_cCAMERA.* got 'car.jpg'"):
        read_veri776(root, Veri776Params(None))


def test_chinese_labels_are_read_although_python_refuses_gb2312(tmp_path: Path) -> None:
    item = '<Item imageName="a" vehicleID="1" cameraID="c1" colorID="红" typeID="4"/>'
    (tmp_path / "l.xml").write_bytes(f'<?xml version="1.0" encoding="gb2312"?><I>{item}</I>'.encode("gb2312"))
    assert read_labels(tmp_path / "l.xml")["a"]["colorID"] == "红"


@pytest.mark.parametrize(("text", "message"), [("<I>", "not an XML file"), ("<I><Item/></I>", "lacks the attribute")])
def test_broken_labels_are_refused_with_their_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "l.xml").write_text(text)
    with pytest.raises(ValueError, match=rf"l\.xml: .*{message}"):
        read_labels(tmp_path / "l.xml")
