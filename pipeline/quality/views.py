"""How well view masks and area ratios tell the views that an image's viewpoint names.

Label maps are those of `pipeline.quality.masks`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.store.masks import binarise, intersection_over_union
from pipeline.store.vocabulary import OTHER_SURFACE, VIEWPOINTS, VIEWS

_VISIBLE = np.array(list(VIEWPOINTS.values()), bool)  # (5, 3)


def visible_view_ious(
    masks: NDArray[np.uint8], labels: NDArray[np.uint8], viewpoint: int, *, labelled_only: bool = False
) -> NDArray[np.float64]:
    """Intersection over union of each visible view's mask and the view's surface.

    Left out of the comparison are pixels of no single view, and pixels of views that the viewpoint does not name
    (a windscreen seen over the roof from behind): no mask is meant to hold those.

    Args:
        masks: `(3, S, S)` uint8 in [0, 255], order `VIEWS`; set where at least half.
        labels: `(H, W)` uint8 label map.
        viewpoint: Index into `VIEWPOINTS`.
        labelled_only: Judge by pixels labelled with a view alone. For incomplete truth, where 0 may be an
            unlabelled piece of vehicle; what a mask holds outside the labels is then not counted against it.

    Returns:
        `(3,)` float64 in [0, 1], order `VIEWS`; NaN for a view the viewpoint does not name or nothing is labelled of.
    """
    visible = _VISIBLE[viewpoint]
    hidden = np.flatnonzero(~visible) + 1
    judged = (labels != OTHER_SURFACE) & ~np.isin(labels, hidden)
    if labelled_only:
        judged &= labels > 0
    scores = np.full(len(VIEWS), np.nan)
    for view in np.flatnonzero(visible):
        truth = labels == view + 1
        if truth.any():
            scores[view] = intersection_over_union(binarise(masks[view], *labels.shape) & judged, truth)
    return scores


def viewpoint_of(area_ratios: NDArray[np.float32], threshold: float) -> NDArray[np.int64]:
    """Read viewpoints off area ratios: the views with at least `threshold` of the area, of front and rear the larger.

    Args:
        area_ratios: `(N, 3)` float32 in [0, 1], order `VIEWS`, as `data/part_masks` holds them.
        threshold: In (0, 0.5].

    Returns:
        `(N,)` int64, index into `VIEWPOINTS`; -1 for an image without any mask.
    """
    end = np.where(area_ratios[:, 0] >= area_ratios[:, 1], 0, 1)
    shown = area_ratios >= threshold
    shown[np.arange(len(shown)), 1 - end] = False
    matches = (shown[:, None] == _VISIBLE).all(2)  # (N, 5)
    return np.where(matches.any(1), matches.argmax(1), -1)


def viewpoint_accuracy(
    area_ratios: NDArray[np.float32], viewpoints: Sequence[int] | NDArray[np.int8], threshold: float
) -> float:
    """Share of labelled images whose viewpoint is read off their area ratios rightly, in [0, 1]; NaN without any.

    Args:
        area_ratios: `(N, 3)` float32.
        viewpoints: `(N,)`, index into `VIEWPOINTS`, -1 where unlabelled.
        threshold: See `viewpoint_of`.
    """
    known = np.asarray(viewpoints) >= 0
    right = viewpoint_of(area_ratios, threshold)[known] == np.asarray(viewpoints)[known]
    return float(right.mean()) if known.any() else float("nan")
