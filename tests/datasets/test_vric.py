from pathlib import Path

import pytest

from pipeline.datasets.records import ImageRecord, check_records
from pipeline.datasets.sources import vric
from tests.datasets.miniatures import prepared, raw, write_image, write_vric


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_vric(raw("vric", tmp_path))
    return raw("vric", tmp_path)


def test_the_lists_alone_tell_vehicle_and_camera(root: Path) -> None:
    found = vric.read(root)
    check_records(found.records, "vric")
    assert found.remarks == []
    assert found.records[2:5] == [
        ImageRecord("train_images/MVI_20011_002_img00105.jpg", "train", "9", "1"),
        ImageRecord("probe_images/MVI_20035_016_img00105.jpg", "query", "15", "1"),
        ImageRecord("probe_images/MVI_20051_003_img00033.jpg", "query", "16", "5"),
    ]
    assert [record.split for record in found.records] == ["train"] * 3 + ["query"] * 2 + ["gallery"] * 2


def test_a_missing_image_is_no_matter_of_the_lists_and_an_unlisted_one_is_reported(root: Path) -> None:
    (root / "gallery_images" / "MVI_20052_001_img00200.jpg").unlink()
    write_image(root / "probe_images" / "MVI_1.jpg")
    found = vric.read(root)
    assert len(found.records) == 7
    assert found.remarks == ["1 files of probe_images are not in vric_probe.txt"]


def test_a_line_without_a_camera_is_named(root: Path) -> None:
    (root / "vric_probe.txt").write_text("a.jpg 15 1\nb.jpg 16\n")
    with pytest.raises(ValueError, match=r"vric_probe\.txt, line 2: expected NAME VEHICLE CAMERA, got 'b\.jpg 16'"):
        vric.read(root)


def test_it_is_prepared_with_the_projects_parameters(root: Path, tmp_path: Path) -> None:
    write_image(root / "unlisted.jpg")
    store, lines = prepared("vric", tmp_path)
    assert list(store.splits) == ["train"] * 3 + ["query"] * 2 + ["gallery"] * 2
    assert {name: list(roles[3:]) for name, roles in store.roles.items()} == {
        "test": ["query", "query", "gallery", "gallery"]
    }
    written = tmp_path / "data/images/vric.h5"
    assert lines == ["vric: 7 images have no viewpoint", f"vric: 7 images, 0 left out -> {written}"]
