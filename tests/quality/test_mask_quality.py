import cv2
import numpy as np
import pytest

from pipeline.quality import masks as mask_metrics


def square(top: int, left: int, side: int, size: int = 32) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[top : top + side, left : left + side] = 255
    return mask


def test_iou_of_two_half_overlapping_squares_is_one_third() -> None:
    labels = square(8, 8, 8) // 255
    assert mask_metrics.foreground_iou(square(8, 12, 8), labels) == pytest.approx(1 / 3)


def test_iou_is_one_for_the_truth_itself_and_nan_when_both_are_empty() -> None:
    labels = square(4, 4, 9) // 255
    assert mask_metrics.foreground_iou(labels * 255, labels) == 1
    assert np.isnan(mask_metrics.foreground_iou(np.zeros((8, 8), np.uint8), np.zeros((32, 32), np.uint8)))


def test_masks_of_another_size_are_brought_to_the_label_maps_size() -> None:
    labels = np.zeros((40, 80), np.uint8)
    labels[10:30, 20:60] = 3
    small = cv2.resize((labels > 0).astype(np.uint8) * 255, (16, 16), interpolation=cv2.INTER_AREA)
    assert mask_metrics.foreground_iou(small, labels) == pytest.approx(1, abs=0.02)


def test_coverage_ignores_unlabelled_pixels_and_spill_what_lies_near_the_labelled_ones() -> None:
    labels = np.zeros((100, 100), np.uint8)
    labels[40:60, 40:45] = labels[40:60, 55:60] = 2  # the hull closes the gap between them
    whole = square(40, 40, 20, 100)
    assert mask_metrics.coverage(whole, labels) == 1
    assert mask_metrics.spill(whole, labels, 0) == 0
    assert mask_metrics.coverage(square(40, 40, 5, 100), labels) == pytest.approx(25 / 200)
    shifted = square(40, 50, 20, 100)
    assert mask_metrics.spill(shifted, labels, 0) == pytest.approx(0.5)
    assert mask_metrics.spill(shifted, labels, 0.25) == pytest.approx(0.25)


def test_spill_of_an_empty_mask_and_coverage_without_labels_are_undefined() -> None:
    labels = square(8, 8, 8) // 255
    empty = np.zeros((32, 32), np.uint8)
    assert np.isnan(mask_metrics.spill(empty, labels, 0.1))
    assert np.isnan(mask_metrics.coverage(labels, empty))
    assert mask_metrics.spill(square(0, 0, 8), empty, 0.1) == 1
