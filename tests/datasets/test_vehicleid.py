from pathlib import Path

import pytest

from pipeline.datasets.records import ImageRecord, check_records
from pipeline.datasets.sources import vehicleid
from pipeline.datasets.sources.vehicleid import VehicleIdParams
from tests.datasets.miniatures import prepared, raw, write_image, write_lines, write_vehicleid

SETS = VehicleIdParams({"large": 2400, "small": 800, "medium": 1600})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_vehicleid(raw("vehicleid", tmp_path))
    return raw("vehicleid", tmp_path)


def test_the_official_layout_becomes_one_table_without_cameras(root: Path) -> None:
    found = vehicleid.read(root, SETS)
    check_records(found.records, "vehicleid")
    assert [record.path for record in found.records] == [f"image/{place:07d}.jpg" for place in range(10)]
    assert [record.vehicle_id for record in found.records] == [str(place // 2) for place in range(10)]
    assert [record.split for record in found.records] == ["train"] * 4 + ["test"] * 6
    assert {record.camera_id for record in found.records} == {None}
    assert found.remarks == ["2 files of image are not in the lists used"]


def test_a_test_image_is_drawn_in_every_set_that_lists_it(root: Path) -> None:
    roles = [record.roles for record in vehicleid.read(root, SETS).records]
    assert roles[:4] == [{}] * 4
    assert roles[4] == roles[5] == {"small": "drawn", "medium": "drawn", "large": "drawn"}
    assert roles[6] == roles[7] == {"medium": "drawn", "large": "drawn"}
    assert roles[8] == roles[9] == {"large": "drawn"}
    assert list(roles[4]) == ["small", "medium", "large"]


def test_a_set_that_is_not_asked_for_is_not_read(root: Path) -> None:
    for name in ("800", "2400"):
        (root / "train_test_split" / f"test_list_{name}.txt").unlink()
    found = vehicleid.read(root, VehicleIdParams({"medium": 1600}))
    assert [record.roles for record in found.records[4:]] == [{"medium": "drawn"}] * 4


def test_attributes_are_groups_and_empty_where_unknown(root: Path) -> None:
    records = vehicleid.read(root, SETS).records
    assert records[0].groups == {"color": "3", "model": "17"}
    assert records[2].groups == {"color": "", "model": ""}
    assert records[6].groups == {"color": "", "model": "249"}
    for file in (root / "attribute").iterdir():
        file.unlink()
    assert vehicleid.read(root, SETS).records[0].groups == {"color": "", "model": ""}


def test_images_whose_attribute_file_names_another_vehicle_are_counted(root: Path) -> None:
    write_lines(root / "attribute" / "img2vid.txt", ["0000000 0", "0000001 7", "0000011 9"])
    remarks = vehicleid.read(root, SETS).remarks
    assert remarks[0] == "1 images have another vehicle in img2vid.txt than in the lists, which count"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0000000 0", r"test_list_800\.txt, line 1: the test image '0000000\.jpg' is in train_list\.txt too"),
        ("0000005 9", r"test_list_1600\.txt, line 2: says vehicle 2 of '0000005\.jpg', another list 9"),
        ("0000005", r"test_list_800\.txt, line 1: expected IMAGE VEHICLE, got '0000005'"),
    ],
)
def test_lists_that_disagree_are_refused_by_file_and_line(root: Path, line: str, message: str) -> None:
    write_lines(root / "train_test_split" / "test_list_800.txt", [line])
    with pytest.raises(ValueError, match=message):
        vehicleid.read(root, SETS)


def test_an_absent_list_is_named(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"test_list_6000\.txt"):
        vehicleid.read(root, VehicleIdParams({"huge": 6000}))


def test_it_is_prepared_with_the_projects_parameters(root: Path, tmp_path: Path) -> None:
    write_image(root / "more.jpg")
    store, lines = prepared("vehicleid", tmp_path)
    assert list(store.roles) == ["small", "medium", "large"]
    assert [int((roles == "drawn").sum()) for roles in store.roles.values()] == [2, 4, 6]
    assert set(store.camera_ids) == {""}
    assert lines[-1] == f"vehicleid: 10 images, 0 left out -> {tmp_path / 'data/images/vehicleid.h5'}"


def test_the_records_are_what_the_protocol_draws_from(root: Path) -> None:
    record = vehicleid.read(root, VehicleIdParams({"small": 800})).records[-1]
    groups = {"color": "", "model": ""}
    assert record == ImageRecord("image/0000005.jpg", "test", "2", groups=groups, roles={"small": "drawn"})
