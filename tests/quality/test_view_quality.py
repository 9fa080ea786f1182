import numpy as np
import pytest

from pipeline.quality.views import viewpoint_accuracy, viewpoint_of, visible_view_ious
from pipeline.store.vocabulary import VIEWPOINTS

FRONT_SIDE = list(VIEWPOINTS).index("front-side")
SIDE = list(VIEWPOINTS).index("side")


def label_map() -> np.ndarray:
    """Columns: 2 background, 4 front, 4 side, 1 of no single view, 1 rear (glimpsed)."""
    return np.tile(np.array([0, 0, 1, 1, 1, 1, 3, 3, 3, 3, 4, 2], np.uint8), (12, 1))


def masks_of(**columns: tuple[int, int]) -> np.ndarray:
    masks = np.zeros((3, 12, 12), np.uint8)
    for view, (start, end) in columns.items():
        masks[("front", "rear", "side").index(view), :, start:end] = 255
    return masks


def test_only_views_the_viewpoint_names_are_scored() -> None:
    scores = visible_view_ious(masks_of(front=(2, 6), side=(6, 10)), label_map(), FRONT_SIDE)
    assert scores[0] == 1
    assert np.isnan(scores[1])
    assert scores[2] == 1


def test_background_and_the_other_view_count_against_a_mask() -> None:
    scores = visible_view_ious(masks_of(front=(0, 8), side=(8, 10)), label_map(), FRONT_SIDE)
    assert scores[0] == pytest.approx(4 / 8)
    assert scores[2] == pytest.approx(2 / 4)


def test_surface_of_no_single_view_and_of_hidden_views_does_not_count() -> None:
    assert visible_view_ious(masks_of(side=(6, 12)), label_map(), FRONT_SIDE)[2] == 1
    assert visible_view_ious(masks_of(side=(2, 12)), label_map(), SIDE)[2] == 1


def test_unlabelled_pixels_do_not_count_where_only_labelled_ones_judge() -> None:
    masks = masks_of(front=(0, 6), side=(5, 10))
    scores = visible_view_ious(masks, label_map(), FRONT_SIDE, labelled_only=True)
    assert scores[0] == 1
    assert scores[2] == pytest.approx(4 / 5)


def test_a_visible_view_nothing_is_labelled_of_is_undefined() -> None:
    assert np.isnan(visible_view_ious(masks_of(), np.zeros((4, 4), np.uint8), FRONT_SIDE)).all()


@pytest.mark.parametrize(
    ("ratios", "viewpoint"),
    [
        ((0.9, 0.05, 0.05), "front"),
        ((0.05, 0.9, 0.05), "rear"),
        ((0.1, 0.1, 0.8), "side"),
        ((0.5, 0.1, 0.4), "front-side"),
        ((0.22, 0.28, 0.5), "rear-side"),
    ],
)
def test_viewpoints_are_the_views_above_the_threshold_and_the_larger_end(
    ratios: tuple[float, ...], viewpoint: str
) -> None:
    found = viewpoint_of(np.array([ratios], np.float32), 0.2)
    assert list(VIEWPOINTS)[int(found[0])] == viewpoint


def test_an_image_without_masks_has_no_viewpoint() -> None:
    assert viewpoint_of(np.zeros((1, 3), np.float32), 0.2).tolist() == [-1]


def test_accuracy_leaves_out_unlabelled_images() -> None:
    ratios = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    assert viewpoint_accuracy(ratios, np.array([0, 0, -1]), 0.2) == 0.5
    assert np.isnan(viewpoint_accuracy(ratios, np.array([-1, -1, -1]), 0.2))
