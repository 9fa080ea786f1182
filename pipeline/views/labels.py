"""Image-level labels of SPAN §3.1: each image carries a set of them, as the viewpoint front-side is front and side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import VIEWPOINTS, VIEWS


@dataclass(frozen=True, eq=False)
class ImageLabels:
    """The labels of a data set's images.

    Attributes:
        names: The K labels, for each of which there is a mask generator.
        sets: `(S, K)` bool, the sets of labels that an image may carry, none of them empty.
        codes: `(N,)` int64, the index into `sets` of each image's own; -1 for an image without labels.
    """

    names: tuple[str, ...]
    sets: NDArray[np.bool_]
    codes: NDArray[np.int64]


def labels_of(names: Sequence[str], carried: NDArray[np.bool_]) -> ImageLabels:
    """Labels of images of any kind, whose sets are those that some image carries.

    Args:
        names: The K labels.
        carried: `(N, K)` bool, whether an image carries a label; one that carries none is not trained on.

    Raises:
        ValueError: `carried` has not one column a label.
    """
    if carried.ndim != 2 or carried.shape[1] != len(names):
        raise ValueError(f"carried: expected {len(names)} columns, one a label, got an array of shape {carried.shape}")
    sets, codes = np.unique(carried, axis=0, return_inverse=True)
    empty = ~sets.any(1)  # the first of the sorted sets, where there is one
    return ImageLabels(tuple(names), sets[~empty], codes.reshape(-1).astype(np.int64) - int(empty.any()))


def viewpoint_labels(store: ImageStore) -> ImageLabels:
    """The views that a vehicle's viewpoint names; sets and codes are those of `VIEWPOINTS`, in its order."""
    return ImageLabels(VIEWS, np.array(list(VIEWPOINTS.values()), bool), store.viewpoints.astype(np.int64))
