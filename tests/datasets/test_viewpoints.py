from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.annotations.viewpoints import attach_viewpoints, read_viewpoints
from pipeline.datasets.records import ImageRecord
from tests.datasets.miniatures import keypoint_line

RECORDS = (
    ImageRecord("image_train/a.jpg", "train", "1", "c1"),
    ImageRecord("image_query/b.jpg", "query", "2", "c1"),
    ImageRecord("image_test/b.jpg", "gallery", "2", "c1"),
    ImageRecord("image_test/c.jpg", "gallery", "3", "c1"),
)
NUMBERED = (
    ImageRecord("image_train/1.jpg", "train", "1", "c1"),
    ImageRecord("image_query/1.jpg", "extra"),
    ImageRecord("image_test/1.jpg", "extra"),
)
"""Names that begin again in each folder, of different pictures."""


def attach(root: Path, *tables: str, records: Sequence[ImageRecord] = RECORDS) -> tuple[list[str | None], list[str]]:
    files = [f"{place}.txt" for place in range(len(tables))]
    for file, text in zip(files, tables, strict=True):
        (root / file).write_text(text)
    labelled, remarks = attach_viewpoints(records, root, files)
    assert [record.path for record in labelled] == [record.path for record in records]
    return [record.viewpoint for record in labelled], remarks


def test_without_tables_unlabelled_images_are_counted(tmp_path: Path) -> None:
    assert attach(tmp_path) == ([None] * 4, ["4 images have no viewpoint"])


@pytest.mark.parametrize("column", ["image", "filename", "path"])
def test_a_csv_labels_every_copy_of_a_picture_by_name_or_code(tmp_path: Path, column: str) -> None:
    table = f"{column},viewpoint\nVeRi/image_train/a.jpg,rear-side\nb.jpg,0\nc.jpg,\n"
    assert attach(tmp_path, table) == (["rear-side", "front", "front", None], ["1 images have no viewpoint"])


def test_the_keypoint_release_is_told_by_its_content_and_left_and_right_are_side(tmp_path: Path) -> None:
    (tmp_path / "k.txt").write_text("\n".join(keypoint_line(f"VeRi/image_test/{code}.jpg", code) for code in range(8)))
    assert list(read_viewpoints(tmp_path / "k.txt")) == [
        (1, "VeRi/image_test/0.jpg", "front"),
        (2, "VeRi/image_test/1.jpg", "rear"),
        (3, "VeRi/image_test/2.jpg", "side"),
        (4, "VeRi/image_test/3.jpg", "front-side"),
        (5, "VeRi/image_test/4.jpg", "rear-side"),
        (6, "VeRi/image_test/5.jpg", "side"),
        (7, "VeRi/image_test/6.jpg", "front-side"),
        (8, "VeRi/image_test/7.jpg", "rear-side"),
    ]


def test_several_tables_of_both_formats_are_merged(tmp_path: Path) -> None:
    keypoints = keypoint_line("VeRi/image_train/a.jpg", 3) + "\n"
    viewpoints, remarks = attach(tmp_path, keypoints, "image,viewpoint\na.jpg,front-side\nc.jpg,1\n")
    assert viewpoints == ["front-side", None, None, "rear"]
    assert remarks == ["2 images have no viewpoint"]


def test_contradictions_in_one_table_between_tables_and_with_the_adapter_count_as_unlabelled(tmp_path: Path) -> None:
    records = [*RECORDS[:3], ImageRecord("image_test/c.jpg", "gallery", "3", "c1", "side")]
    first, second = "image,viewpoint\na.jpg,0\na.jpg,0\na.jpg,2\nb.jpg,0\n", "image,viewpoint\nb.jpg,0\nc.jpg,4\n"
    viewpoints, remarks = attach(tmp_path, first, second, records=records)
    assert viewpoints == [None, "front", "front", None]
    shown = "image_train/a.jpg, image_test/c.jpg"
    assert remarks == [
        f"2 images have contradictory viewpoints and count as unlabelled, for example {shown}",
        "2 images have no viewpoint",
    ]


def test_a_table_fills_what_the_adapter_left_empty(tmp_path: Path) -> None:
    records = [ImageRecord("a.jpg", "train", "1", viewpoint="rear"), ImageRecord("b.jpg", "train", "1")]
    assert attach(tmp_path, "image,viewpoint\nb.jpg,2\na.jpg,rear\n", records=records) == (["rear", "side"], [])


def test_rows_that_fit_no_image_are_counted_and_a_table_that_fits_none_is_refused(tmp_path: Path) -> None:
    _, remarks = attach(tmp_path, "image,viewpoint\na.jpg,0\nx.jpg,1\n")
    assert "1 rows of 0.txt are unmatched, for example x.jpg" in remarks
    with pytest.raises(ValueError, match=r"0\.txt: none of its 2 images is in the table, for example x\.jpg"):
        attach(tmp_path, "image,viewpoint\nx.jpg,0\ny.jpg,1\n")


def test_names_of_different_pictures_need_paths(tmp_path: Path) -> None:
    table = "image,viewpoint\nCityFlow/image_train/1.jpg,0\nimage_test/1.jpg,1\n"
    assert attach(tmp_path, table, records=NUMBERED)[0] == ["front", None, "rear"]
    with pytest.raises(
        ValueError, match=r"0\.txt, line 2: '1\.jpg' fits 3 .*, for example image_train/1\.jpg, image_query/1\.jpg"
    ):
        attach(tmp_path, "image,viewpoint\n1.jpg,0\n", records=NUMBERED)


def test_a_path_that_only_ends_in_the_same_letters_is_another(tmp_path: Path) -> None:
    records = [ImageRecord("v/1.jpg", "train", "1"), ImageRecord("w/1.jpg", "train", "2")]
    table = "image,viewpoint\nv/1.jpg,0\nxw/1.jpg,1\n"
    viewpoints, remarks = attach(tmp_path, table, records=records)
    assert viewpoints == ["front", None]
    assert remarks == ["1 rows of 0.txt are unmatched, for example xw/1.jpg", "1 images have no viewpoint"]


FOLDERS = {
    camera: [ImageRecord(f"v1/{side}/1.jpg", "train", "1", camera) for side in ("front", "back")]
    for camera in (None, "c1")
}


@pytest.mark.parametrize("camera", [None, "c1"])
def test_a_full_path_labels_that_image_and_no_other_of_its_name(tmp_path: Path, camera: str | None) -> None:
    table = "image,viewpoint\nv1/front/1.jpg,front\n"
    assert attach(tmp_path, table, records=FOLDERS[camera]) == (["front", None], ["1 images have no viewpoint"])
    assert attach(tmp_path, table + "v1/back/1.jpg,rear\n", records=FOLDERS[camera]) == (["front", "rear"], [])
    assert attach(tmp_path, table + "data/v1/back/1.jpg,rear\n", records=FOLDERS[camera]) == (["front", "rear"], [])


@pytest.mark.parametrize("camera", [None, "c1"])
def test_a_name_in_several_folders_needs_a_path_even_of_one_vehicle_and_camera(
    tmp_path: Path, camera: str | None
) -> None:
    with pytest.raises(
        ValueError, match=r"line 2: '1\.jpg' fits 2 different images, for example v1/front/1\.jpg, v1/back/1\.jpg"
    ):
        attach(tmp_path, "image,viewpoint\n1.jpg,0\n", records=FOLDERS[camera])


@pytest.mark.parametrize("longer", ["b/a/1.jpg", "a/a/1.jpg"])
@pytest.mark.parametrize("given", ["a/1.jpg", "1.jpg"])
def test_a_path_that_ends_another_one_is_still_that_image_s_own(tmp_path: Path, longer: str, given: str) -> None:
    records = [ImageRecord(path, "train", str(place)) for place, path in enumerate((longer, "1.jpg", "a/1.jpg"))]
    viewpoints, _ = attach(tmp_path, f"image,viewpoint\n{given},rear\n", records=records)
    assert {record.path: viewpoint for record, viewpoint in zip(records, viewpoints, strict=True) if viewpoint} == {
        given: "rear"
    }


def test_an_end_that_several_paths_share_is_refused(tmp_path: Path) -> None:
    records = [ImageRecord(f"{folder}/a/1.jpg", "train", folder) for folder in ("v", "w")]
    with pytest.raises(ValueError, match=r"'a/1\.jpg' fits 2 .*, for example v/a/1\.jpg, w/a/1\.jpg; give their"):
        attach(tmp_path, "image,viewpoint\na/1.jpg,0\n", records=records)


@pytest.mark.parametrize("given", ["image_query/b.jpg", "image_test/b.jpg", "VeRi/image_test/b.jpg", "b.jpg"])
def test_a_query_and_its_copy_in_the_gallery_share_their_label(tmp_path: Path, given: str) -> None:
    by_role = [replace(record, split="extra", roles={"a": record.split}) for record in RECORDS[1:3]]
    for records in (list(RECORDS[1:3]), by_role):
        assert attach(tmp_path, f"image,viewpoint\n{given},0\n", records=records) == (["front", "front"], [])


def test_a_copy_is_labelled_beside_a_stranger_of_its_name(tmp_path: Path) -> None:
    records = [*RECORDS[1:3], ImageRecord("image_train/b.jpg", "train", "9", "c1")]
    table = "image,viewpoint\nVeRi/image_test/b.jpg,0\n"
    assert attach(tmp_path, table, records=records)[0] == ["front", "front", None]


@pytest.mark.parametrize(
    "change",
    [
        {"camera_id": None},
        {"camera_id": "c2"},
        {"vehicle_id": "3"},
        {"split": "query"},
        {"split": "train"},
        {"roles": {"a": "gallery"}},
        {"path": "image_test/x/c.jpg"},
    ],
)
def test_what_is_not_surely_a_copy_is_labelled_alone(tmp_path: Path, change: dict[str, Any]) -> None:
    records = [RECORDS[1], replace(RECORDS[2], **change)]
    assert attach(tmp_path, "image,viewpoint\nimage_query/b.jpg,0\n", records=records)[0] == ["front", None]


def test_where_a_query_has_two_namesakes_in_the_gallery_neither_is_taken_for_its_copy(tmp_path: Path) -> None:
    records = [*RECORDS[1:3], replace(RECORDS[2], path="other/b.jpg")]
    assert attach(tmp_path, "image,viewpoint\nimage_query/b.jpg,0\n", records=records)[0] == ["front", None, None]
    with pytest.raises(ValueError, match="fits 3 different images"):
        attach(tmp_path, "image,viewpoint\nb.jpg,0\n", records=records)


def test_unknown_cameras_make_no_copies(tmp_path: Path) -> None:
    records = [replace(record, camera_id=None) for record in RECORDS[1:3]]
    assert attach(tmp_path, "image,viewpoint\nimage_query/b.jpg,0\n", records=records)[0] == ["front", None]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("image,viewpoint\na.jpg,front\nb.jpg,7\n", r"0\.txt, line 3, column viewpoint: .* got '7'"),
        ("name,viewpoint\na.jpg,0\n", r"0\.txt, line 1: column 'image' is missing; the header is name, viewpoint"),
        ("filename,view\na.jpg,0\n", r"0\.txt, line 1: column 'viewpoint' is missing"),
        (
            keypoint_line("a.jpg", 1) + "\n" + keypoint_line("b.jpg", 8),
            r"line 2: expected an orientation 0 to 7, got '8'",
        ),
        (keypoint_line("a.jpg", 1) + "\nb.jpg 1 2 3\n", r"0\.txt, line 2: expected PATH X1 Y1 .* got 'b\.jpg 1 2 3'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attach(tmp_path, table)


def test_an_absent_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        attach_viewpoints(RECORDS, tmp_path, ["absent.csv"])
