"""What a part detector was trained on, and which images it may be measured on."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.networks import weights
from pipeline.store.images import ImageStore

KIND = "part_detector/1"
DIGEST_LENGTH = 16
"""Digits of an image's digest that are kept with the weights."""


def trained_images(store: ImageStore, rows: NDArray[np.int64]) -> list[str]:
    """Shortened digests of some images, each once, as they are kept with a detector's weights."""
    return sorted({digest[:DIGEST_LENGTH] for digest in store.image_digests[rows].tolist()})


def read_trained_images(path: Path) -> list[str]:
    """The images a detector was trained on, as `trained_images` gives them.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It holds other weights.
    """
    metadata = weights.load_metadata(path, KIND)
    return list(metadata["trained_images"])


def unseen_rows(store: ImageStore, trained: Iterable[str]) -> NDArray[np.int64]:
    """Return the annotated rows a detector was not trained on, one a distinct image.

    Images are compared by content, so this holds for any data set, and for copies under other paths.

    Args:
        store: The images to measure on, of the detector's data set or another.
        trained: From `read_trained_images`.

    Returns:
        Rows, rising; empty where every annotated image was trained on.
    """
    rows = np.flatnonzero(store.annotated)
    short = np.array([digest[:DIGEST_LENGTH] for digest in store.image_digests[rows]], dtype=np.str_)
    first = np.zeros(len(rows), bool)
    first[np.unique(short, return_index=True)[1]] = True
    return np.asarray(rows[first & ~np.isin(short, list(trained))])
