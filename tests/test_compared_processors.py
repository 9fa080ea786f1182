from pathlib import Path

import numpy as np
import pytest

from benchmarks.page import put
from benchmarks.processors import of_features, of_masks, of_parts
from pipeline.artifacts.features import header_of, write_features
from pipeline.store.places import Workspace


def test_masks_that_differ_are_counted_by_image_with_the_least_overlap_of_any_view() -> None:
    old = {"masks": np.full((4, 3, 2, 2), 200, np.uint8), "area_ratios": np.full((4, 3), 0.25, np.float32)}
    new = {name: values.copy() for name, values in old.items()}
    new["masks"][1, 2, 0, 0] = 100
    new["masks"][3, 0, 0, 0] = 201
    new["area_ratios"][1] += 0.02
    assert of_masks(old, old)[:2] == (0, 4)
    assert of_masks(old, new) == (2, 4, "IoU at least 0.7500, values by 100 of 255 at most, area ratios by 0.02")


def test_seeds_that_fail_on_one_processor_alone_are_counted() -> None:
    old = {"masks": np.zeros((2, 2, 2), np.uint8), "failed": np.zeros(2, bool)}
    new = {"masks": old["masks"], "failed": np.array([True, False])}
    assert of_masks(old, new) == (1, 2, "IoU at least 1.0000, values by 0 of 255 at most, 1 flags `failed`")


def test_boxes_are_compared_in_pixels_with_the_nearest_of_their_class_wherever_it_stands_in_the_list() -> None:
    boxes = np.array([[[0.1, 0.1, 0.5, 0.5], [0.2, 0.2, 0.6, 0.6]], [[0, 0, 1, 1], [0, 0, 0.5, 0.5]]], np.float32)
    old = {"boxes": boxes, "labels": np.array([[1, 2], [3, 3]]), "scores": np.array([[0.9, 0.8], [0.7, 0.6]])}
    new = {name: values.copy() for name, values in old.items()}
    for values in new.values():
        values[0] = values[0, ::-1]
    new["boxes"][0, 0, 2] += 0.01
    new["scores"][0, 1] = 0.85
    new["labels"][1, 1] = 4
    found = of_parts(old, new, np.array([[100, 200], [100, 200]], np.int32))
    assert found == (2, 2, "boxes by 2 pixels at most, scores by 0.05, 1 of 4 boxes replaced")


def test_features_are_compared_and_each_image_ranks_all_others_on_both_sides(tmp_path: Path) -> None:
    old, new = (Workspace(tmp_path / name, "tiny", "pgan") for name in ("old", "new"))
    features = np.array([[1, 0], [1, 0.1], [1, 0.3], [0, 1]], np.float32)
    header = header_of("pgan", "euclidean", (2,), "t", "w" * 64)
    for workspace, values in ((old, features), (new, features[[0, 2, 1, 3]])):
        batches = iter([(values, np.zeros((4, 0), np.float32))])
        write_features(workspace.path("features"), header, np.arange(4), batches, ratio_count=0)
    assert of_features(old, old, "t")[:2] == (0, 4)
    changed, images, words = of_features(old, new, "t")
    assert (changed, images) == (2, 4)
    assert words.endswith("values by 0.2 of 1 at most; 4 of 4 rankings change, 4 in first place")


def test_a_table_replaces_the_one_between_its_comments_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin of x -->\nold\n<!-- end of x -->\nb\n", encoding="utf-8")
    put(page, "x", "new\nrow")
    assert page.read_text(encoding="utf-8") == "a\n<!-- begin of x -->\nnew\nrow\n<!-- end of x -->\nb\n"
    with pytest.raises(ValueError, match="expected the lines <!-- begin of y -->"):
        put(page, "y", "new")
