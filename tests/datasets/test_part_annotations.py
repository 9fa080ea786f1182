import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.annotations.parts import PartsParams, attach_parts
from pipeline.datasets.records import ImageRecord
from pipeline.store.vocabulary import PART_CLASSES
from tests.datasets.miniatures import coco_document

CATEGORIES = {"wheel": "wheel", "front_light": "car_light", "door": None}
RECORDS = [ImageRecord(f"images/{name}.jpg", "extra") for name in "abc"]


def document() -> dict[str, Any]:
    boxes = [(1, 1, [10, 20, 30, 40]), (1, 2, [0, 0, 50, 50]), (1, 3, [5, 5, 5, 5]), (1, 1, [-10, 60, 20, 80])]
    boxes += [(1, 1, [100, 10, 5, 5]), (1, 1, [3, 3, 0, 9])]
    return coco_document(tuple(CATEGORIES), boxes)


def values(root: Path, content: Any, images: str | None = "images", categories: Any = CATEGORIES) -> PartsParams:
    (root / "parts.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return PartsParams("parts.json", images, categories)


def test_boxes_are_scaled_mapped_clipped_and_dropped(tmp_path: Path) -> None:
    records, remarks = attach_parts(RECORDS, tmp_path, values(tmp_path, document()))
    parts = records[0].parts
    assert parts is not None
    assert parts.size == (80, 100)
    assert parts.boxes.dtype == np.float32
    np.testing.assert_allclose(parts.boxes, [[0.1, 0.25, 0.4, 0.75], [0, 0, 0.5, 0.625], [0, 0.75, 0.1, 1]])
    assert [PART_CLASSES[label] for label in parts.labels] == ["wheel", "car_light", "wheel"]
    assert remarks == [
        "3 part boxes on 2 images",
        "3 of 6 part boxes of parts.json leave their image or are smaller than a pixel; `reid check` says whether "
        "prepare.parts.boxes is right",
        "2 part boxes without area inside their image were left out",
    ]


def test_an_image_listed_without_boxes_is_annotated_and_one_not_listed_is_not(tmp_path: Path) -> None:
    records, _ = attach_parts(RECORDS, tmp_path, values(tmp_path, document()))
    assert records[1].parts is not None
    assert len(records[1].parts.boxes) == 0
    assert records[2] == RECORDS[2]


def test_a_query_and_its_gallery_copy_share_the_boxes_of_their_bare_file_name(tmp_path: Path) -> None:
    pair = [ImageRecord(f"{split}/a.jpg", split, "1", "c1") for split in ("query", "gallery")]
    records, _ = attach_parts([*pair, ImageRecord("x/b.jpg", "extra")], tmp_path, values(tmp_path, document(), None))
    assert records[0].parts is not None
    assert records[0].parts is records[1].parts
    assert records[2].parts is not None


def two_cameras(*names: str) -> dict[str, Any]:
    """A COCO document of images of equal size and name by two cameras, with a box each."""
    return {
        "images": [{"id": i, "file_name": name, "width": 100, "height": 80} for i, name in enumerate(names)],
        "categories": [{"id": 1, "name": "wheel"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [10 + i, 10, 20, 20]} for i in range(len(names))
        ],
    }


CAMERAS = [ImageRecord(f"cam{number}/0001.jpg", "extra") for number in (1, 2)]


@pytest.mark.parametrize("name", ["cam1/0001.jpg", "cam1\\0001.jpg", "export/cam1/0001.jpg"])
def test_a_path_names_the_image_of_that_path_alone(tmp_path: Path, name: str) -> None:
    records, remarks = attach_parts(CAMERAS, tmp_path, values(tmp_path, two_cameras(name), None))
    assert [record.parts is not None for record in records] == [True, False]
    assert remarks == ["1 part boxes on 1 images"]


def test_a_bare_name_of_several_images_is_refused_with_their_paths(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'0001\.jpg' fits 2 different images, .*cam1/0001\.jpg, cam2/0001\.jpg"):
        attach_parts(CAMERAS, tmp_path, values(tmp_path, two_cameras("0001.jpg"), None))


def test_an_annotated_image_that_the_table_lacks_gives_its_boxes_to_no_other_of_its_name(tmp_path: Path) -> None:
    content = two_cameras("cam2/0001.jpg", "cam1/0001.jpg")
    records, remarks = attach_parts(CAMERAS[:1], tmp_path, values(tmp_path, content, None))
    assert records[0].parts is not None
    np.testing.assert_allclose(records[0].parts.boxes[0, 0], 0.11)
    assert remarks[-1] == "1 images of parts.json are not in the table, for example cam2/0001.jpg"


def test_two_annotations_of_one_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'cam1/0001\.jpg' and '0001\.jpg' both mean cam1/0001\.jpg"):
        attach_parts(CAMERAS[:1], tmp_path, values(tmp_path, two_cameras("cam1/0001.jpg", "0001.jpg"), None))


def test_names_that_are_ours_need_no_mapping(tmp_path: Path) -> None:
    content = document()
    for category, name in zip(content["categories"], ("plate", "logo", "hanging"), strict=True):
        category["name"] = name
    records, _ = attach_parts(RECORDS, tmp_path, values(tmp_path, content, categories=None))
    assert records[0].parts is not None
    assert {PART_CLASSES[label] for label in records[0].parts.labels} == {"plate", "logo", "hanging"}


def test_crowds_are_left_out(tmp_path: Path) -> None:
    content = document()
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1
    records, _ = attach_parts(RECORDS, tmp_path, values(tmp_path, content))
    assert records[0].parts is not None
    assert len(records[0].parts.boxes) == 0


def test_images_the_table_lacks_are_counted_and_all_lacking_is_an_error(tmp_path: Path) -> None:
    _, remarks = attach_parts(RECORDS[:1], tmp_path, values(tmp_path, document()))
    assert "1 images of parts.json are not in the table, for example images/b.jpg" in remarks
    with pytest.raises(ValueError, match="none of its 2 images is in the table, for example elsewhere/a.jpg"):
        attach_parts(RECORDS, tmp_path, values(tmp_path, document(), "elsewhere"))


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ({"wheel": "wheel", "door": None}, "category 'front_light' has no entry under prepare.parts.categories"),
        (CATEGORIES | {"door": "doors"}, r"categories\.door: expected null or one of .*, got 'doors'"),
        (None, "category 'door' has no entry"),
    ],
)
def test_every_category_needs_a_meaning(tmp_path: Path, categories: dict[str, str | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attach_parts(RECORDS, tmp_path, values(tmp_path, document(), categories=categories))


def test_a_folder_is_read_as_pascal_voc_with_the_same_meaning(tmp_path: Path) -> None:
    corners = "<xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60</ymax>"
    parts = "".join(
        f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>" for name in ("front_light", "door")
    )
    size = "<size><width>100</width><height>80</height></size>"
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "1.xml").write_text(f"<annotation><filename>a.jpg</filename>{size}{parts}</annotation>")
    records, remarks = attach_parts(RECORDS, tmp_path, PartsParams("voc", "images", CATEGORIES))
    found = records[0].parts
    assert found is not None
    assert found.size == (80, 100)
    np.testing.assert_allclose(found.boxes, [[0.1, 0.25, 0.4, 0.75]])
    assert [PART_CLASSES[label] for label in found.labels] == ["car_light"]
    assert remarks == ["1 part boxes on 1 images"]
    with pytest.raises(ValueError, match="voc: category 'door' has no entry under prepare.parts.categories"):
        attach_parts(RECORDS, tmp_path, PartsParams("voc", "images", {"front_light": "car_light"}))
