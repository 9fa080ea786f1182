import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.annotations.coco import CocoImage, read_coco
from tests.datasets.miniatures import coco_document

CATEGORIES = ("wheel", "front_light")


def document() -> dict[str, Any]:
    boxes = [(1, 1, [10, 20, 30, 40]), (1, 2, [0, 0, 50, 50]), (1, 1, [3, 3, 0, 9])]
    return coco_document(tuple(CATEGORIES), boxes)


def read(folder: Path, content: Any, *, polygons: bool = False) -> dict[str, CocoImage]:
    (folder / "parts.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return read_coco(folder / "parts.json", "images", polygons=polygons)


def test_boxes_are_corners_in_pixels_by_image(tmp_path: Path) -> None:
    found = read(tmp_path, document())
    assert found["images/a.jpg"].size == (80, 100)
    assert found["images/a.jpg"].boxes.tolist() == [[10, 20, 40, 60], [0, 0, 50, 50], [3, 3, 3, 12]]
    assert found["images/a.jpg"].categories == ["wheel", "front_light", "wheel"]
    assert found["images/b.jpg"].boxes.shape == (0, 4)


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
        (drop("categories"), "not a COCO file: expected a list 'categories'; the file has images, annotations"),
        (annotated(image_id=9), "annotation 12: image_id 9 is not among"),
        (annotated(category_id=9), "annotation 12: category_id 9 is not among"),
        (annotated(bbox=[1, 2, 3]), r"annotation 12: expected bbox as x, y, width, height, got 1, 2, 3"),
        (annotated(bbox=[1, 2, 3, float("nan")]), "annotation 12: expected bbox"),
        (
            lambda content: content | {"images": content["images"] + content["images"][:1]},
            r"images\[2\]: id 1 comes a second time",
        ),
    ],
)
def test_an_ill_formed_file_is_refused_with_the_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"parts\.json: .*{message}"):
        read(tmp_path, change(document()))


def test_polygons_are_read_as_points(tmp_path: Path) -> None:
    content = document()
    content["annotations"][0]["segmentation"] = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]]
    image = read(tmp_path, content, polygons=True)["images/a.jpg"]
    assert [ring.tolist() for ring in image.polygons[0]] == [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]]
    assert image.polygons[1] == []
    assert read(tmp_path, content)["images/a.jpg"].polygons == [[]] * 3


@pytest.mark.parametrize(
    "segmentation", [{"counts": [1, 2], "size": [80, 100]}, [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]]]
)
def test_what_is_no_polygon_is_refused_only_where_polygons_matter(tmp_path: Path, segmentation: Any) -> None:
    content = document()
    content["annotations"][0]["segmentation"] = segmentation
    assert len(read(tmp_path, content)["images/a.jpg"].boxes) == 3
    with pytest.raises(ValueError, match="annotation 11: expected segmentation as lists of x, y"):
        read(tmp_path, content, polygons=True)
