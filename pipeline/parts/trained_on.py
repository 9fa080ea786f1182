"""What a part detector was trained on, and which images it may be measured on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.store.images import ImageStore

KIND = "part_detector/1"
_DIGEST_LENGTH = 16


def unseen_rows(store: ImageStore, metadata: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the annotated rows a detector was not trained on, one a distinct image.

    Images are compared by content, so this holds for any data set, and for copies under other paths.

    Args:
        store: The images to measure on, of the detector's data set or another.
        metadata: The detector's, from `weights.load`.

    Returns:
        Rows, rising; empty where every annotated image was trained on.
    """
    rows = np.flatnonzero(store.annotated)
    short = np.array([digest[:_DIGEST_LENGTH] for digest in store.image_digests[rows]], dtype=np.str_)
    first = np.zeros(len(rows), bool)
    first[np.unique(short, return_index=True)[1]] = True
    return np.asarray(rows[first & ~np.isin(short, metadata["trained_images"])])
