import cv2
import numpy as np
import pytest

from benchmarks.digit_images import BRIGHTEST_GROUND, COUNTS, SIDE, SIZES, DigitImages, compose_images


@pytest.fixture(scope="module")
def images() -> DigitImages:
    """Twenty images whose digit k is a filled square of k + 3 of 8 rows, wholly ink."""
    glyphs = np.zeros((6, 8, 8))
    for number in range(6):
        glyphs[number, : number + 3] = 1
    return compose_images(20, glyphs, np.arange(6), np.random.default_rng(0))


def test_an_image_shows_a_few_digits_of_different_classes_and_carries_their_labels(images: DigitImages) -> None:
    counts = images.carried.sum(1)
    assert set(counts) == set(range(COUNTS[0], COUNTS[1] + 1))
    assert images.carried.shape == (20, 6)
    assert images.carried.any(0).all()


def test_the_truth_of_a_digit_is_its_own_ink(images: DigitImages) -> None:
    for row, digit in np.argwhere(images.carried):
        height, width = (np.ptp(places) + 1 for places in np.nonzero(images.truth[row, digit]))
        assert SIZES[0] <= width <= SIZES[1]
        assert height / width == pytest.approx((digit + 3) / 8, abs=0.1)


def test_digits_do_not_overlap_and_are_all_of_the_foreground(images: DigitImages) -> None:
    assert images.truth.sum(1).max() == 1
    outside = images.truth.any(1) != (images.foreground > 0)
    assert outside.mean() < 0.02, "edges alone"


def test_the_ground_is_never_bright_enough_to_be_foreground(images: DigitImages) -> None:
    near_ink = np.stack([cv2.dilate(ink.astype(np.uint8), np.ones((9, 9))) for ink in images.truth.any(1)]) > 0
    ground = images.images[~near_ink]
    assert ground.max() <= np.rint(BRIGHTEST_GROUND * 255) < 128
    assert ground.std() > 10, "cluttered"
    assert images.image(0).shape == (SIDE, SIDE, 3)
