import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.annotations.conventions import CONVENTIONS, Convention
from pipeline.datasets.annotations.parts import PartsParams, read_annotated
from pipeline.doctor.boxes import find_box_faults

WIDTH, HEIGHT = 184, 192


def true_boxes() -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of boxes all over an image."""
    random = np.random.default_rng(0)
    low = random.uniform(0, 0.7, (30, 2)) * [WIDTH, HEIGHT]
    high = low + random.uniform(0.1, 0.29, (30, 2)) * [WIDTH, HEIGHT]
    return [(x, y, right, bottom) for (x, y), (right, bottom) in zip(low.tolist(), high.tolist(), strict=True)]


def written_as(box: tuple[float, float, float, float], convention: str) -> list[float]:
    left, top, right, bottom = box
    if convention == "voc":
        return [left + 1, top + 1, right, bottom]
    if convention.endswith("_shares"):
        left, right, top, bottom = left / WIDTH, right / WIDTH, top / HEIGHT, bottom / HEIGHT
    return {
        "xywh": [left, top, right - left, bottom - top],
        "xyxy": [left, top, right, bottom],
        "centre": [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top],
    }[convention.partition("_")[0]]


def coco(root: Path, boxes: list[list[float]], convention: Convention | None = None) -> PartsParams:
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 1, "name": "wheel"}],
        "annotations": [{"id": i, "image_id": 1, "category_id": 1, "bbox": box} for i, box in enumerate(boxes)],
    }
    (root / "parts.json").write_text(json.dumps(document))
    return PartsParams("parts.json", None, None, convention)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_boxes_are_read_as_their_convention_says(tmp_path: Path, convention: Convention) -> None:
    values = coco(tmp_path, [written_as(box, convention) for box in true_boxes()], convention)
    np.testing.assert_allclose(read_annotated(tmp_path, values)["a.jpg"].boxes, true_boxes())
    assert find_box_faults(tmp_path, values) == []


@pytest.mark.parametrize("convention", ["xyxy", "xywh_shares", "xyxy_shares", "centre_shares"])
def test_boxes_of_another_convention_are_told_with_the_option_that_reads_them(
    tmp_path: Path, convention: Convention
) -> None:
    (finding,) = find_box_faults(tmp_path, coco(tmp_path, [written_as(box, convention) for box in true_boxes()]))
    assert (finding.section, finding.level) == ("parts", "error")
    assert finding.advice == f"They look like {convention}: set prepare.parts.boxes: {convention}."
    assert "of 30 of parts.json, read as xywh" in finding.examples[0]


def test_a_single_box_that_leaves_its_image_is_enough(tmp_path: Path) -> None:
    (finding,) = find_box_faults(tmp_path, coco(tmp_path, [[20, 120, 60, 160]]))
    assert "prepare.parts.boxes: xyxy" in finding.advice
    (finding,) = find_box_faults(tmp_path, coco(tmp_path, [[0.1, 0.6, 0.2, 0.2]]))
    assert "prepare.parts.boxes: xywh_shares" in finding.advice


def test_boxes_that_fit_no_convention_and_none_at_all_are_findings(tmp_path: Path) -> None:
    (finding,) = find_box_faults(tmp_path, coco(tmp_path, [[900, 900, 950, 960]]))
    assert (finding.level, "fit no convention" in finding.advice) == ("warning", True)
    (finding,) = find_box_faults(tmp_path, coco(tmp_path, []))
    assert (finding.level, finding.what) == ("error", "annotated images, none of which has a box")


def test_boxes_a_little_beyond_the_border_and_a_few_far_ones_are_no_finding(tmp_path: Path) -> None:
    boxes = [[150.0, 20.0, 36.0, 20.0]] * 9 + [[150.0, 20.0, 90.0, 20.0]]
    assert find_box_faults(tmp_path, coco(tmp_path, boxes)) == []
