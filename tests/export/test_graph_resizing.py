import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.export.resizing import resized
from pipeline.store.resizing import resize

SIDE = 32
GROWN = [(20, 24), (31, 33), (32, 32), (33, 30), (12, 60), (7, 7), *[(28, width) for width in range(37, 100)]]
"""Sizes of which at least one side does not shrink to `SIDE`: mixed from four neighbours."""
SHRUNK = [(50, 47), (33, 33), (64, 64), (96, 128), (40, 48), (42, 36), (48, 48), (32, 50), (64, 32), (150, 190)]
"""Sizes of which no side grows, among them some whose means are often ties: averaged by area."""


def picture(height: int, width: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (3, 3), 0), np.uint8)


def in_graph(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    batch = torch.from_numpy(np.stack([image, image[::-1].copy()])).permute(0, 3, 1, 2)
    return resized(batch, SIDE)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", GROWN + SHRUNK)
def test_an_image_is_resized_bit_for_bit_as_by_the_pipeline(size: tuple[int, int]) -> None:
    image = picture(*size)
    np.testing.assert_array_equal(in_graph(image), resize(image, SIDE, SIDE))


def test_an_image_that_shrinks_far_may_differ_by_the_rounding_of_a_tie() -> None:
    difference = np.abs(in_graph(picture(400, 333)).astype(int) - resize(picture(400, 333), SIDE, SIDE))
    assert difference.max() <= 1
    assert difference.mean() < 0.01


def test_masks_of_one_channel_are_resized_too() -> None:
    mask = picture(48, 48)[..., 0]
    found = resized(torch.from_numpy(mask)[None, None], 20)[0, 0].numpy()
    assert np.abs(found.astype(int) - resize(mask, 20, 20)).max() <= 1
    assert resized(torch.from_numpy(mask)[None, None], 48)[0, 0].numpy().tobytes() == mask.tobytes()
