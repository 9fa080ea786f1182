"""Images of several handwritten digits, the second example of SPAN's figure 4: composed, labelled, with their truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 48
"""Side of an image, pixels."""

SIZES = (16, 26)
"""Least and greatest side of a digit, pixels."""

COUNTS = (2, 3)
"""Least and greatest number of digits in an image, of different classes."""

BRIGHTEST_GROUND = 0.42
"""Of the ground, whose digits are 1; the foreground is what is brighter than one half."""


@dataclass(frozen=True)
class DigitImages:
    """Images of several digits each.

    Attributes:
        images: `(N, S, S, 3)` uint8, grey in RGB.
        truth: `(N, K, S, S)` bool, the pixels of each digit's ink; none for a digit that an image does not show.
    """

    images: NDArray[np.uint8]
    truth: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.images)

    def image(self, row: int) -> NDArray[np.uint8]:
        """One image: `(S, S, 3)` uint8, RGB."""
        return np.asarray(self.images[row])

    @property
    def carried(self) -> NDArray[np.bool_]:
        """`(N, K)` bool, the digits that each image shows: its image-level labels."""
        return np.asarray(self.truth.any((2, 3)))

    @property
    def foreground(self) -> NDArray[np.uint8]:
        """`(N, S, S)` uint8, 255 where an image is brighter than one half, else 0: no truth is needed for it."""
        return np.where(self.images[..., 0] >= 128, 255, 0).astype(np.uint8)


def compose_images(
    count: int, glyphs: NDArray[np.float64], classes: NDArray[np.int64], generator: np.random.Generator
) -> DigitImages:
    """Place digits of different classes at random places and sizes, apart from each other, on cluttered grounds.

    Args:
        count: Number of images.
        glyphs: `(G, h, h)` float in [0, 1], single digits, ink bright.
        classes: `(G,)` int, what each shows, 0 to K - 1.
        generator: Source of all draws.
    """
    composed = [_compose(glyphs, classes, generator) for _ in range(count)]
    return DigitImages(np.stack([image for image, _ in composed]), np.stack([truth for _, truth in composed]))


def _compose(
    glyphs: NDArray[np.float64], classes: NDArray[np.int64], generator: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Image `(S, S, 3)` uint8 and truth `(K, S, S)` bool."""
    image, truth = _ground(generator), np.zeros((classes.max() + 1, SIDE, SIDE), bool)
    shown = generator.permutation(np.unique(classes))[: generator.integers(COUNTS[0], COUNTS[1] + 1)]
    for digit, (top, left, size) in zip(shown, _places(len(shown), generator), strict=True):
        glyph = glyphs[generator.choice(np.flatnonzero(classes == digit))]
        ink = np.clip(cv2.resize(glyph, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)
        window = np.s_[top : top + size, left : left + size]
        image[window] = image[window] * (1 - ink) + ink
        truth[(digit, *window)] = ink > 0.5
    grey = np.rint(image * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2), truth


def _places(count: int, generator: np.random.Generator) -> list[tuple[int, int, int]]:
    """Top, left and size of squares that do not overlap, all drawn anew until they fit."""
    while True:
        sizes = generator.integers(SIZES[0], SIZES[1] + 1, count)
        corners = [generator.integers(0, SIDE - size + 1, 2) for size in sizes]
        places = [(int(top), int(left), int(size)) for (top, left), size in zip(corners, sizes, strict=True)]
        if not any(_overlap(first, other) for n, first in enumerate(places) for other in places[:n]):
            return places


def _overlap(first: Sequence[int], other: Sequence[int]) -> bool:
    return all(first[axis] < other[axis] + other[2] and other[axis] < first[axis] + first[2] for axis in (0, 1))


def _ground(generator: np.random.Generator) -> NDArray[np.float64]:
    """Dim blotches, strokes and noise, `(S, S)` in [0, `BRIGHTEST_GROUND`]."""
    ground = cv2.resize(generator.random((6, 6)) / 4, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    for _ in range(generator.integers(4, 9)):
        (x1, y1), (x2, y2) = generator.integers(0, SIDE, (2, 2)).tolist()
        cv2.line(ground, (x1, y1), (x2, y2), generator.uniform(0.1, 0.4), int(generator.integers(1, 4)))
    noisy = ground + generator.normal(0, 0.03, ground.shape)
    return np.asarray(np.clip(noisy, 0, BRIGHTEST_GROUND), np.float64)
