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
    assert remarks == ["3 part boxes on 2 images", "2 part boxes without area inside their image were left out"]


def test_an_image_listed_without_boxes_is_annotated_and_one_not_listed_is_not(tmp_path: Path) -> None:
    records, _ = attach_parts(RECORDS, tmp_path, values(tmp_path, document()))
    assert records[1].parts is not None
    assert len(records[1].parts.boxes) == 0
    assert records[2] == RECORDS[2]


def test_without_a_folder_images_match_by_file_name_wherever_they_lie(tmp_path: Path) -> None:
    twins = [ImageRecord("query/a.jpg", "extra"), ImageRecord("gallery/a.jpg", "extra"), ImageRecord("b.jpg", "extra")]
    records, _ = attach_parts(twins, tmp_path, values(tmp_path, document(), None))
    assert records[0].parts is records[1].parts
    assert records[2].parts is not None


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
