from dataclasses import replace

import numpy as np

from pipeline.artifacts.parts import PART_ARRAYS, Detections, no_parts
from pipeline.networks.runtime import generator_of
from pipeline.reid.augmentation import ReidAugmentationParams, Sample, augment

NONE = ReidAugmentationParams(flip_probability=0, erase_probability=0)
SIZE, MASK_SIZE = 32, 16


def sample() -> Sample:
    """A bright square in the upper left, covered by its box and by the front mask; the rear mask is elsewhere."""
    image = np.full((SIZE, SIZE, 3), 20, np.uint8)
    image[4:12, 4:12] = 220
    masks = np.zeros((3, MASK_SIZE, MASK_SIZE), np.uint8)
    masks[0, 2:6, 2:6] = 255
    masks[1, 10:14, 10:14] = 255
    boxes = np.array([[4, 4, 12, 12]], np.float32) / SIZE
    parts = Detections(boxes, np.array([5], np.uint8), np.array([0.7], np.float32))
    return Sample(image, parts, masks, np.array([1, 0.5, 0.5, 0], np.float32))


def assert_equal(changed: Sample, expected: Sample) -> None:
    for before, after in zip(expected, changed, strict=True):
        if isinstance(before, Detections):
            assert_equal_parts(after, before)
        else:
            np.testing.assert_array_equal(before, after)


def assert_equal_parts(changed: Detections, expected: Detections) -> None:
    for name in PART_ARRAYS:
        np.testing.assert_array_equal(getattr(changed, name), getattr(expected, name))


def under_box(changed: Sample) -> np.ndarray:
    left, top, right, bottom = np.rint(changed.parts.boxes[0] * SIZE).astype(int)
    return changed.image[top:bottom, left:right]


def test_without_any_change_a_sample_stays_as_it_is() -> None:
    changed = augment(sample(), NONE, generator_of(0))
    assert_equal(changed, sample())


def test_a_flip_mirrors_image_boxes_and_masks_and_never_swaps_front_and_rear() -> None:
    changed = augment(sample(), replace(NONE, flip_probability=1), generator_of(0))
    np.testing.assert_array_equal(changed.image, sample().image[:, ::-1])
    np.testing.assert_array_equal(changed.masks, sample().masks[:, :, ::-1])
    assert (under_box(changed) == 220).all()
    np.testing.assert_array_equal(changed.area_ratios, sample().area_ratios)
    assert_equal_parts(replace(changed.parts, boxes=sample().parts.boxes), sample().parts)


def test_erasing_leaves_boxes_and_masks_alone() -> None:
    changed = augment(sample(), replace(NONE, erase_probability=1), generator_of(1))
    assert (changed.image != sample().image).any()
    assert_equal_parts(changed.parts, sample().parts)
    np.testing.assert_array_equal(changed.masks, sample().masks)


def test_changes_depend_on_the_generator_alone() -> None:
    every = ReidAugmentationParams(flip_probability=0.5, erase_probability=0.5)
    first, again, other = (augment(sample(), every, generator_of(0, 1, row)) for row in (7, 7, 8))
    np.testing.assert_array_equal(first.image, again.image)
    assert (first.image != other.image).any()


def test_samples_without_boxes_and_masks_can_be_changed_too() -> None:
    bare = sample()._replace(parts=no_parts(), masks=np.zeros((3, 0, 0), np.uint8))
    changed = augment(bare, ReidAugmentationParams(1, 1), generator_of(0))
    assert_equal_parts(changed.parts, no_parts())
    assert changed.masks.shape == (3, 0, 0)
