import cv2
import numpy as np
import pytest

from pipeline.networks.tensors import IMAGENET_MEAN
from pipeline.store.boxes import flip_boxes
from pipeline.store.resizing import resize
from pipeline.training.augmentation import erase, flip, jitter_colour

NOISE = np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8)


@pytest.mark.parametrize("shape", [(24, 36), (24, 36, 1), (24, 36, 3), (24, 36, 5)])
@pytest.mark.parametrize("size", [(12, 12), (24, 36), (50, 40)])
def test_resizing_keeps_the_number_of_axes(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    resized = resize(np.full(shape, 7, np.uint8), *size)
    assert resized.shape == (*size, *shape[2:])
    assert resized.dtype == np.uint8
    assert (resized == 7).all()


def test_shrinking_averages_areas() -> None:
    blocks = NOISE[..., 0].reshape(12, 2, 18, 2).mean((1, 3))
    assert np.abs(resize(NOISE[..., 0], 12, 18) - blocks).max() <= 0.5


def test_flipping_twice_changes_nothing_and_boxes_follow_their_pixels() -> None:
    image = np.zeros((10, 20), np.uint8)
    image[2:5, 3:9] = 1
    box = np.array([[3 / 20, 2 / 10, 9 / 20, 5 / 10]], np.float32)
    x1, y1, x2, y2 = np.rint(flip_boxes(box)[0] * [20, 10, 20, 10]).astype(int)
    expected = np.zeros_like(image)
    expected[y1:y2, x1:x2] = 1
    np.testing.assert_array_equal(flip(image), expected)
    np.testing.assert_array_equal(flip(flip(NOISE)), NOISE)
    np.testing.assert_allclose(flip_boxes(flip_boxes(box)), box, atol=1e-7)


def test_erasing_fills_one_rectangle_of_the_asked_size_with_the_mean_colour() -> None:
    for seed in range(200):
        erased = erase(NOISE, np.random.default_rng(seed))
        changed = (erased != NOISE).any(-1)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        inside = erased[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (inside == np.rint(np.multiply(IMAGENET_MEAN, 255))).all()
        height, width = inside.shape[:2]
        assert 0.01 < height * width / NOISE[..., 0].size < 0.45
        assert 0.2 < height / width < 5


def test_erasing_reaches_every_pixel_and_leaves_its_input_alone() -> None:
    black = np.zeros((8, 10, 3), np.uint8)
    reached = np.zeros((8, 10), bool)
    for seed in range(1000):
        reached |= erase(black, np.random.default_rng(seed)).any(-1)
    assert reached.all()
    assert not black.any()


def test_jitter_depends_on_its_generator_alone_and_none_changes_nothing() -> None:
    first, again, other = (jitter_colour(NOISE, 0.3, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(jitter_colour(NOISE, 0, np.random.default_rng(0)), NOISE)


def test_jitter_never_wraps_around() -> None:
    white = np.full((8, 8, 3), 250, np.uint8)
    for seed in range(50):
        assert jitter_colour(white, 0.4, np.random.default_rng(seed)).min() > 140


def test_masks_and_images_stay_in_step() -> None:
    image = cv2.circle(np.zeros((40, 60), np.uint8), (15, 20), 9, 255, -1)
    both = np.dstack([image, image, image])
    np.testing.assert_array_equal(resize(flip(both), 20, 20)[..., 1], resize(flip(image), 20, 20))


def test_the_ratio_of_the_erased_sides_is_drawn_evenly() -> None:
    grey, above = np.full((64, 64, 3), 7, np.uint8), []
    for seed in range(1000):
        changed = (erase(grey, np.random.default_rng(seed)) != grey).any(-1)
        above.append(changed.any(1).sum() / changed.any(0).sum())
    assert 0.7 < np.mean(np.array(above) > 1) < 0.85, "0.77 of [0.3, 3.3] lies above 1"
    assert 1.6 < np.median(above) < 2
