"""Seed masks by GrabCut: no mark is set by hand, because a vehicle crop's border is background (SPAN supplement §1)."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt

from pipeline.maps.columns import Arrays, Columns
from pipeline.maps.job import Work
from pipeline.store.images import EncodedImages
from pipeline.store.masks import intersection_over_union
from pipeline.store.params import Share, parameters
from pipeline.store.resizing import resize

MODEL_SIZE = 65
"""Numbers in one of OpenCV's colour models: five Gaussians of weight, mean and covariance."""


@parameters
class GrabCutParams:
    """The `grabcut` section of `params.yaml`."""

    size: PositiveInt
    """Side of the square the image is squashed to, and of the mask, pixels."""
    padding: PositiveInt
    """Width of the replicated border around it, pixels, all of it background. A wide one counts the image's corners
    more often as background and, by OpenCV's estimate of contrast, weakens smoothing."""
    iterations: PositiveInt
    """Rounds of colour models and minimum cut; further ones shrink masks."""
    corner_radius: PositiveFloat | None
    """Pixels further from the centre than this many half sides start as probable background and all others as probable
    foreground; null starts with foreground everywhere."""
    orientations: Literal[1, 2]
    """2 also segments the image flipped on both axes and keeps what both runs call foreground."""
    min_share: Share
    """A mask with a smaller foreground share has failed, and is not trained on."""
    max_share: Share
    """A mask with a greater one has failed."""
    min_agreement: Share
    """A mask whose two orientations have a smaller intersection over union has failed."""


def seed_mask(image: NDArray[np.uint8], params: GrabCutParams) -> tuple[NDArray[np.uint8], float]:
    """Segment one image; the result depends on nothing but the arguments.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        params: Sizes and rounds.

    Returns:
        `(S, S)` uint8 mask, 0 or 255, and the intersection over union of the two orientations.

    Source: SPAN supplement §1; the second orientation is its authors' release's.
    """
    square = np.ascontiguousarray(resize(image, params.size, params.size)[..., ::-1])  # BGR
    first = _cut(square, params)
    if params.orientations == 1:
        return np.asarray(first * np.uint8(255)), 1.0
    second = _cut(np.ascontiguousarray(square[::-1, ::-1]), params)[::-1, ::-1]
    agreement = intersection_over_union(first, second)
    return np.asarray((first & second) * np.uint8(255)), 0.0 if math.isnan(agreement) else agreement


def _cut(square: NDArray[np.uint8], params: GrabCutParams) -> NDArray[np.bool_]:
    """GrabCut inside a padded border: `(S, S, 3)` uint8 -> `(S, S)` bool."""
    cv2.setRNGSeed(0)  # GrabCut's first colour models are drawn by k-means
    border = (params.padding,) * 4
    padded = cv2.copyMakeBorder(square, *border, cv2.BORDER_REPLICATE)
    marks = np.pad(_first_marks(params), params.padding, constant_values=cv2.GC_BGD)
    models = np.zeros((1, MODEL_SIZE)), np.zeros((1, MODEL_SIZE))
    cv2.grabCut(padded, marks, (0, 0, 0, 0), *models, params.iterations, cv2.GC_INIT_WITH_MASK)
    inside = slice(params.padding, params.padding + params.size)
    return np.asarray(marks[inside, inside] == cv2.GC_PR_FGD)


def _first_marks(params: GrabCutParams) -> NDArray[np.uint8]:
    centres = (np.arange(params.size) + 0.5) / params.size * 2 - 1
    radius = math.inf if params.corner_radius is None else params.corner_radius
    inner = np.hypot(centres[:, None], centres[None]) <= radius
    return np.where(inner, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)


def seeds_of(params: GrabCutParams) -> Work:
    """What a worker of the map does: segment the images of the column ``files``, their encoded bytes.

    It finds ``masks`` and ``failed``, see `pipeline.artifacts.seeds.Seeds`.
    """
    return partial(_segmented, params)


def _segmented(params: GrabCutParams, columns: Columns) -> Iterator[Arrays]:
    images = EncodedImages(columns["files"])
    masks, agreements = zip(*(seed_mask(images.image(row), params) for row in range(len(images))), strict=True)
    stacked = np.stack(masks)
    yield {"masks": stacked, "failed": have_failed(stacked, np.array(agreements, np.float32), params)}


def have_failed(masks: NDArray[np.uint8], agreements: NDArray[np.float32], params: GrabCutParams) -> NDArray[np.bool_]:
    """Which masks cannot be trusted: almost empty, almost full, or of two minds.

    Args:
        masks: `(R, S, S)` uint8, 0 or 255.
        agreements: `(R,)` float32, intersection over union of the two orientations; 1 where there is one.
        params: The bounds.

    Returns:
        `(R,)` bool.
    """
    shares = (masks > 0).mean((1, 2)).astype(np.float32)
    usual = (shares >= params.min_share) & (shares <= params.max_share)
    return np.asarray(~usual | (agreements < params.min_agreement))
