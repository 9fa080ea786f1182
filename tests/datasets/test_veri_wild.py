from pathlib import Path

import pytest

from pipeline.datasets.records import ImageRecord, check_records, roles_by_test_set
from pipeline.datasets.sources import veri_wild
from pipeline.datasets.sources.veri_wild import VeriWildParams
from tests.datasets.miniatures import prepared, raw, write_lines, write_veri_wild

SETS = VeriWildParams({"large": 10000, "medium": 5000, "small": 3000})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_veri_wild(raw("veri_wild", tmp_path))
    return raw("veri_wild", tmp_path)


def test_the_official_layout_becomes_one_table(root: Path) -> None:
    found = veri_wild.read(root, SETS)
    check_records(found.records, "veri_wild")
    groups = {"model": "雪铁龙 C5", "type": "SUV", "color": "dark gray"}
    assert found.records[:3] == [
        ImageRecord("images/00001/000001.jpg", "train", "00001", "101", groups=groups),
        ImageRecord("images/00001/000002.jpg", "train", "00001", "102", groups=groups),
        ImageRecord("images/00002/000003.jpg", "train", "00002", "103", groups=groups),
    ]
    assert found.remarks == []


def test_an_image_has_its_role_of_each_set_and_the_split_of_the_largest(root: Path) -> None:
    records = {record.path[-6:-4]: record for record in veri_wild.read(root, SETS).records[3:]}
    roles = {image: record.roles for image, record in records.items()}
    assert roles == {
        "11": {"small": "query", "medium": "gallery"},
        "12": {"small": "gallery", "medium": "query", "large": "query"},
        "13": {"small": "gallery", "medium": "gallery", "large": "gallery"},
        "22": {"medium": "query", "large": "both"},
        "21": {"medium": "gallery", "large": "gallery"},
        "32": {"large": "query"},
        "31": {"large": "gallery"},
    }
    assert {image for image, record in records.items() if record.split == "query"} == {"12", "32"}
    assert {image for image, record in records.items() if record.split == "gallery"} == {"11", "13", "21", "22", "31"}
    assert list(roles_by_test_set(list(records.values()))) == ["small", "medium", "large"]


def test_the_names_and_columns_of_the_download_say_the_same(root: Path, tmp_path: Path) -> None:
    write_veri_wild(tmp_path / "download", as_downloaded=True)
    assert not (tmp_path / "download" / "train_test_split" / "train_list.txt").exists()
    assert veri_wild.read(tmp_path / "download", SETS) == veri_wild.read(root, SETS)


def test_a_models_semicolons_and_a_foreign_encoding_are_read(root: Path) -> None:
    path = root / "train_test_split" / "vehicle_info.txt"
    text = path.read_text().replace("雪铁龙 C5", "大众;朗逸", 1)
    path.write_bytes(text.encode("gb18030"))
    records = veri_wild.read(root, SETS).records
    assert records[0].groups == {"model": "大众;朗逸", "type": "SUV", "color": "dark gray"}
    assert records[1].groups["model"] == "雪铁龙 C5"


def test_the_table_of_cameras_may_lie_beside_the_lists_folder(root: Path) -> None:
    expected = veri_wild.read(root, SETS)
    (root / "train_test_split" / "vehicle_info.txt").rename(root / "vehicle_info.txt")
    assert veri_wild.read(root, SETS) == expected


def test_an_image_the_table_lacks_is_named_with_its_line(root: Path) -> None:
    write_lines(root / "train_test_split" / "vehicle_info.txt", ["id/image;Camera ID;Time;Model;Type;Color"])
    where = r".*train_list\.txt, line 1"
    first = rf"10 listed images .* for example 00001/000001\.jpg \({where}\)"
    with pytest.raises(ValueError, match=rf"vehicle_info\.txt: {first}"):
        veri_wild.read(root, SETS)


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        (
            "test_3000.txt",
            ["00001/000001"],
            r"test_3000\.txt, line 1: the test image '00001/000001\.jpg' is in train_list",
        ),
        ("train_list.txt", ["000001.jpg"], r"train_list\.txt, line 1: expected VEHICLE/IMAGE .* got '000001\.jpg'"),
        ("train_list.txt", ["a/b 1 2 3"], r"train_list\.txt, line 1: expected VEHICLE/IMAGE \[LABEL\] \[CAMERA\]"),
        ("vehicle_info.txt", ["", "00001/000001;23"], r"vehicle_info\.txt, line 2: expected VEHICLE/IMAGE;CAMERA"),
    ],
)
def test_a_wrong_line_is_named(root: Path, file: str, lines: list[str], message: str) -> None:
    write_lines(root / "train_test_split" / file, lines)
    with pytest.raises(ValueError, match=message):
        veri_wild.read(root, SETS)


def test_an_absent_list_is_named_by_both_its_names(root: Path) -> None:
    (root / "train_test_split" / "train_list.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected a file train_list\.txt or train_list_start0\.txt"):
        veri_wild.read(root, SETS)


def test_it_is_prepared_with_the_projects_parameters(tmp_path: Path) -> None:
    write_veri_wild(raw("veri_wild", tmp_path), as_downloaded=True)
    store, lines = prepared("veri_wild", tmp_path)
    assert list(store.roles) == ["small", "medium", "large"]
    counts = {
        name: [int((roles == role).sum()) for role in ("query", "gallery", "both")]
        for name, roles in store.roles.items()
    }
    assert counts == {"small": [1, 2, 0], "medium": [2, 3, 0], "large": [2, 3, 1]}
    assert store.groups["model"][0] == "雪铁龙 C5"
    assert lines[-1] == f"veri_wild: 10 images, 0 left out -> {tmp_path / 'data/images/veri_wild.h5'}"
