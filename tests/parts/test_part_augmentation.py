import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.networks.runtime import generator_of
from pipeline.parts.augmentation import PartAugmentationParams, augment, cut, distort, parts_within
from pipeline.store.boxes import PartBoxes

STILL = PartAugmentationParams(
    window=0, scale=(1, 1), aspect=1, flip_probability=0, colour_jitter=0, hue=0, blur=0, noise=0
)
LIVELY = PartAugmentationParams(
    window=1, scale=(0.4, 1.6), aspect=1.4, flip_probability=0.5, colour_jitter=0.3, hue=18, blur=1.0, noise=5
)


def marked_image(box: tuple[int, int, int, int]) -> tuple[NDArray[np.uint8], PartBoxes]:
    """A 100 x 200 image, black but for a white rectangle, which is its only part."""
    image = np.zeros((100, 200, 3), np.uint8)
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = 255
    return image, PartBoxes(np.array([[x1 / 200, y1 / 100, x2 / 200, y2 / 100]], np.float32), np.array([5], np.uint8))


def bounding_box(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    rows, columns = np.nonzero(image[..., 0] > 200)
    size = len(image)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / size


def test_without_variation_a_sample_is_the_resized_image() -> None:
    image, parts = marked_image((40, 20, 80, 60))
    sample, same = augment(image, parts, 50, STILL, generator_of(0))
    np.testing.assert_allclose(bounding_box(sample), parts.boxes[0], atol=0.01)
    np.testing.assert_array_equal(same.boxes, parts.boxes)


def test_boxes_follow_their_pixels_through_windows_and_flips() -> None:
    moving = dataclasses.replace(LIVELY, colour_jitter=0, hue=0, blur=0, noise=0)
    for key in range(40):
        image, parts = marked_image((110, 30, 150, 50))
        sample, moved = augment(image, parts, 160, moving, generator_of(key))
        assert len(moved.boxes) == 1
        np.testing.assert_allclose(bounding_box(sample), moved.boxes[0], atol=0.02)


def test_every_sample_keeps_a_part_and_all_boxes_stay_ordered_and_inside() -> None:
    generator = generator_of(1)
    corners = np.sort(generator.random((6, 2, 2)), axis=1).reshape(6, 4).astype(np.float32)
    parts = PartBoxes(corners, np.arange(6, dtype=np.uint8))
    for key in range(60):
        _, kept = augment(np.zeros((40, 60, 3), np.uint8), parts, 32, LIVELY, generator_of(key))
        assert len(kept.boxes) == len(kept.labels) >= 1
        assert kept.boxes.dtype == np.float32
        assert kept.boxes.min() >= 0
        assert kept.boxes.max() <= 1
        assert (kept.boxes[:, 2:] > kept.boxes[:, :2]).all()


def test_a_sample_depends_on_nothing_but_its_key() -> None:
    image, parts = marked_image((110, 30, 150, 50))
    first, again, other = (augment(image, parts, 64, LIVELY, generator_of(0, 3, key)) for key in (7, 7, 8))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1].boxes, again[1].boxes)
    assert not np.array_equal(first[0], other[0])


def test_an_image_without_parts_is_still_a_sample() -> None:
    empty = PartBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.uint8))
    sample, parts = augment(np.zeros((40, 60, 3), np.uint8), empty, 32, LIVELY, generator_of(0))
    assert sample.shape == (32, 32, 3)
    assert parts.boxes.shape == (0, 4)


def test_a_part_stays_when_the_window_holds_its_centre_and_is_clipped_to_it() -> None:
    parts = PartBoxes(np.array([[0.4, 0.4, 0.7, 0.6], [0.0, 0.0, 0.3, 0.3]], np.float32), np.array([1, 2], np.uint8))
    kept = parts_within(parts, np.array([0.2, 0.2, 0.6, 0.6]))
    np.testing.assert_allclose(kept.boxes, [[0.5, 0.5, 1.0, 1.0]], atol=1e-6)
    np.testing.assert_array_equal(kept.labels, [1])


def test_outside_the_image_lies_the_mean_colour() -> None:
    window = cut(np.zeros((10, 10, 3), np.uint8), np.array([-0.5, 0.0, 0.5, 1.0]))
    assert window.shape == (10, 10, 3)
    np.testing.assert_array_equal(window[0, 0], [124, 116, 104])
    np.testing.assert_array_equal(window[0, 9], [0, 0, 0])


@pytest.mark.parametrize("change", [{"colour_jitter": 0.4}, {"hue": 40}, {"blur": 2.0}, {"noise": 20}])
def test_each_distortion_changes_pixels_and_none_leaves_them(change: dict[str, float]) -> None:
    image = generator_of(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    np.testing.assert_array_equal(distort(image, STILL, generator_of(1)), image)
    changed = distort(image, dataclasses.replace(STILL, **change), generator_of(1))
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, image)
