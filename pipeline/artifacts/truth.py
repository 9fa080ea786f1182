"""Ground truth of views and angles, aligned to the image table: ``data/truth/<dataset>.h5``, for measuring only."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5, hdf5_writer
from pipeline.store.decoding import BadImageError, decode_labels
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import OTHER_SURFACE

SCHEMA = "truth/1"


@dataclass(frozen=True)
class Truth:
    """Ground truth by row of the image table.

    Attributes:
        labels: Row -> its label map as a PNG file's bytes; rows without one are absent.
        azimuths: `(N,)` float32, degrees, nan where unknown; None where there are none at all.
        complete: Whether 0 means background (True) or merely unlabelled (False).
    """

    labels: dict[int, bytes]
    azimuths: NDArray[np.float32] | None
    complete: bool


def write_truth(path: Path, store: ImageStore, truth: Truth | None) -> None:
    """Write the ground truth of a data set; the file exists, and says so, even where there is none.

    Args:
        path: The file to write.
        store: The images whose rows it follows.
        truth: What is known; None where nothing is.

    Raises:
        ValueError: A label map is ill-formed or of another size than its image.
    """
    found = Truth({}, None, False) if truth is None else truth
    lengths = [len(found.labels.get(row, b"")) for row in range(len(store))]
    notes = {"views": bool(found.labels), "complete": found.complete}
    with hdf5_writer.create(path, hdf5.Header(SCHEMA, store.digest, notes=notes)) as cache:
        if found.azimuths is not None:
            cache.array("azimuth", found.azimuths.astype(np.float32))
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        cache.array("view_labels_offsets", offsets)
        encoded = cache.rows("view_labels", int(offsets[-1]), (), np.uint8)
        for row in sorted(found.labels):
            height, width = store.sizes[row].tolist()
            if fault := label_fault(found.labels[row], (height, width)):
                raise ValueError(f"ground truth of {store.paths[row]}: {fault}")
            encoded.append(np.frombuffer(found.labels[row], np.uint8))


def open_truth(path: Path, table: str) -> hdf5.Cache:
    """Open ground truth, for `read_view_labels`; its notes say whether there are views and whether they are complete.

    Args:
        path: The file.
        table: Digest of the image table whose rows it must follow.
    """
    return hdf5.Cache(path, SCHEMA, table)


def read_view_labels(cache: hdf5.Cache, row: int) -> NDArray[np.uint8] | None:
    """Label map of one row at the image's own size, `(H, W)` uint8 in 0 to `OTHER_SURFACE`, or None.

    Raises:
        BadImageError: What the file holds is no label map; the message names file and row.
    """
    start, end = cache["view_labels_offsets"][row : row + 2]
    try:
        return None if start == end else decode_labels(cache["view_labels"][start:end])
    except BadImageError as error:
        raise BadImageError(f"{cache.path}: row {row}: {error}") from error


def label_fault(encoded: bytes, size: tuple[int, int]) -> str:
    """What is wrong with a label map, a PNG file's bytes, for an image of this `(height, width)`; "" if nothing."""
    try:
        labels = decode_labels(encoded)
    except BadImageError as error:
        return str(error)
    if labels.shape == size and labels.max(initial=0) <= OTHER_SURFACE:
        return ""
    return (
        f"expected labels 0 to {OTHER_SURFACE} of {size[1]} x {size[0]} pixels, "
        f"got labels up to {labels.max(initial=0)} of {labels.shape[1]} x {labels.shape[0]}"
    )
