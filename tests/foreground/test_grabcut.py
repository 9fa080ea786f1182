from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest
from drawn_vehicles import TinyData, draw_vehicle, true_labels
from seeds_example import PARAMS

from pipeline.artifacts.seeds import Seeds
from pipeline.foreground.grabcut import GrabCutParams, have_failed, seed_mask, seeds_of
from pipeline.quality.masks import foreground_iou
from pipeline.store.params import build
from pipeline.store.resizing import resize


def test_a_vehicle_of_one_paint_is_found_in_every_drawn_image() -> None:
    for row in range(8):
        mask, agreement = seed_mask(draw_vehicle(row), PARAMS)
        assert mask.shape == (32, 32)
        assert set(np.unique(mask)) == {0, 255}
        assert foreground_iou(mask, true_labels()) > 0.8
        assert 0 < agreement <= 1


def test_a_seed_depends_neither_on_the_images_before_it_nor_on_opencvs_generator() -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    first, _ = seed_mask(image, PARAMS)
    cv2.setRNGSeed(99)
    seed_mask(draw_vehicle(3), PARAMS)
    np.testing.assert_array_equal(seed_mask(image, PARAMS)[0], first)


def test_two_orientations_keep_what_the_image_and_its_half_turn_agree_on() -> None:
    image = resize(draw_vehicle(2), 32, 32)
    both, agreement = seed_mask(image, PARAMS)
    single = replace(PARAMS, orientations=1)
    (upright, certain), (turned, _) = (
        seed_mask(image, single),
        seed_mask(np.ascontiguousarray(image[::-1, ::-1]), single),
    )
    assert certain == 1
    np.testing.assert_array_equal(both, np.minimum(upright, turned[::-1, ::-1]))
    assert agreement == pytest.approx((both > 0).sum() / (np.maximum(upright, turned[::-1, ::-1]) > 0).sum())


def test_an_image_of_one_colour_has_failed_seeds_and_raises_nothing() -> None:
    mask, agreement = seed_mask(np.full((20, 30, 3), 77, np.uint8), PARAMS)
    assert have_failed(mask[None], np.array([agreement], np.float32), PARAMS).all()


def test_almost_empty_almost_full_and_disagreeing_seeds_have_failed() -> None:
    masks = np.zeros((4, 10, 10), np.uint8)
    masks[1], masks[2, :5], masks[3, :5] = 255, 255, 255
    failed = have_failed(masks, np.array([1, 1, 1, 0.5], np.float32), PARAMS)
    np.testing.assert_array_equal(failed, [True, True, False, True])
    np.testing.assert_array_equal(Seeds(masks, failed).shares, np.array([0, 1, 0.5, 0.5], np.float32))


def test_seeds_of_every_row_hold_masks_and_failures(tiny_data: TinyData) -> None:
    store = tiny_data.store
    strict = replace(PARAMS, max_share=0.3)  # the drawn vehicle fills 45 %
    (found,) = seeds_of(strict)({"files": [store.encoded(row) for row in range(len(store))]})
    assert found["failed"].all()
    for row in range(len(store)):
        np.testing.assert_array_equal(found["masks"][row], seed_mask(store.image(row), strict)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"padding": 0}, r"grabcut\.padding: expected a number above 0, got 0"),
        ({"iterations": 0}, r"grabcut\.iterations: expected a number above 0, got 0"),
        ({"orientations": 3}, r"grabcut\.orientations: expected one of 1, 2, got 3"),
    ],
)
def test_impossible_parameters_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(GrabCutParams, asdict(PARAMS) | change, "grabcut")
