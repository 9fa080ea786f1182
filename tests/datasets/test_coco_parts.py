import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.coco_parts import PartsParams, attach_parts, read_coco
from pipeline.records import ImageRecord
from pipeline.vocabulary import PART_CLASSES

CATEGORIES = {"wheel": "wheel", "front_light": "car_light", "door": None}
RECORDS = [ImageRecord(f"images/{name}.jpg", "extra") for name in "abc"]


def document() -> dict[str, Any]:
    boxes = [(1, 1, [10, 20, 30, 40]), (1, 2, [0, 0, 50, 50]), (1, 3, [5, 5, 5, 5]), (1, 1, [-10, 60, 20, 80])]
    boxes += [(1, 1, [100, 10, 5, 5]), (1, 1, [3, 3, 0, 9])]
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 100, "height": 80},
            {"id": 2, "file_name": "b.jpg", "width": 60, "height": 60},
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(CATEGORIES, 1)],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "bbox": box}
            for i, (image, category, box) in enumerate(boxes, 11)
        ],
    }


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
    assert "1 images of parts.json are not in the table, as images/b.jpg" in remarks
    with pytest.raises(ValueError, match="none of its 2 images is in the table, as .*elsewhere/a.jpg"):
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


def drop(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda content: {name: value for name, value in content.items() if name != key}


def annotated(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    def change(content: dict[str, Any]) -> Any:
        content["annotations"][1] |= changes
        return content

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: "{", "not a COCO file"),
        (lambda _: [1], "not a COCO file"),
        (drop("categories"), "not a COCO file .*categories"),
        (annotated(image_id=9), "annotation 12: image_id 9 is not among"),
        (annotated(category_id=9), "annotation 12: category_id 9 is not among"),
        (annotated(bbox=[1, 2, 3]), r"annotation 12: expected bbox \[x, y, width, height\]"),
        (annotated(bbox=[1, 2, 3, float("nan")]), "annotation 12: expected bbox"),
        (lambda content: content | {"images": content["images"] + content["images"][:1]}, "1 images are listed twice"),
    ],
)
def test_an_ill_formed_file_is_refused_with_the_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"parts\.json: .*{message}"):
        attach_parts(RECORDS, tmp_path, values(tmp_path, change(document())))


def test_polygons_are_read_as_points(tmp_path: Path) -> None:
    content = document()
    content["annotations"][0]["segmentation"] = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]]
    values(tmp_path, content)
    image = read_coco(tmp_path / "parts.json", "images", polygons=True)["images/a.jpg"]
    assert [ring.tolist() for ring in image.polygons[0]] == [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]]
    assert image.polygons[1] == []
    assert read_coco(tmp_path / "parts.json", "images")["images/a.jpg"].polygons == [[]] * 6


@pytest.mark.parametrize(
    "segmentation", [{"counts": [1, 2], "size": [80, 100]}, [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]]]
)
def test_what_is_no_polygon_is_refused_only_where_polygons_matter(tmp_path: Path, segmentation: Any) -> None:
    content = document()
    content["annotations"][0]["segmentation"] = segmentation
    attach_parts(RECORDS, tmp_path, values(tmp_path, content))
    with pytest.raises(ValueError, match="annotation 11: expected segmentation as lists of x, y"):
        read_coco(tmp_path / "parts.json", "images", polygons=True)
