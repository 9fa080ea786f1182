"""How well masks fit true label maps: intersection over union, and coverage and spill where the truth is incomplete.

A label map is `(H, W)` uint8: 0 background (or unlabelled), 1 to 3 the views of `VIEWS` in order, 4 vehicle surface
of no single view. A mask covers the same image squashed to a square, `(S, S)` uint8 in [0, 255]; it is brought to
the label map's size linearly and counts as set where it is at least half of 255, so that every function here may be
given masks of any size. Values that nothing defines (no pixel to judge by) are NaN; average with `numpy.nanmean`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.store.masks import _ratio, binarise, intersection_over_union


def foreground_iou(mask: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    """Intersection over union of a foreground mask and the whole vehicle, in [0, 1].

    Args:
        mask: `(S, S)` uint8 in [0, 255].
        labels: `(H, W)` uint8, complete: 0 means background.
    """
    return intersection_over_union(binarise(mask, *labels.shape), labels > 0)


def coverage(mask: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    """Share of the labelled vehicle pixels that a foreground mask holds, in [0, 1]; NaN without such pixels.

    Fit for incomplete truth: unlabelled pixels do not count.

    Args:
        mask: `(S, S)` uint8 in [0, 255].
        labels: `(H, W)` uint8; 0 means unlabelled.
    """
    return _share_inside(binarise(mask, *labels.shape), labels > 0)


def spill(mask: NDArray[np.uint8], labels: NDArray[np.uint8], margin: float) -> float:
    """Share of a foreground mask that lies clearly off the vehicle, in [0, 1]; NaN for an empty mask.

    Fit for incomplete truth: off the vehicle is what lies outside the convex hull of all labelled pixels, grown by
    a margin for the roof and wings nobody labelled.

    Args:
        mask: `(S, S)` uint8 in [0, 255].
        labels: `(H, W)` uint8; 0 means unlabelled.
        margin: Growth of the hull, as a share of its longer side.
    """
    inside = labelled_hull(labels, margin)
    return 1 - _share_inside(inside, binarise(mask, *labels.shape))


def labelled_hull(labels: NDArray[np.uint8], margin: float) -> NDArray[np.bool_]:
    """Pixels inside the convex hull of all labelled pixels, grown by a margin.

    Args:
        labels: `(H, W)` uint8; 0 means unlabelled.
        margin: Growth, as a share of the hull's longer side.

    Returns:
        `(H, W)` bool; all False when nothing is labelled.
    """
    points = np.argwhere(labels > 0)[:, ::-1].astype(np.int32)  # x, y
    hull = np.zeros(labels.shape, np.uint8)
    if len(points):
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
        radius = round(margin * int(np.ptp(points, axis=0).max() + 1))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        hull = np.asarray(cv2.dilate(hull, disc), np.uint8)
    return hull > 0


def _share_inside(region: NDArray[np.bool_], pixels: NDArray[np.bool_]) -> float:
    return _ratio(region & pixels, pixels)
