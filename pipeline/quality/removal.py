"""Whether the seed masks that foreground training removed are the bad ones (SPAN supplement §1)."""

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.truth import read_view_labels
from pipeline.foreground.samples import training_rows
from pipeline.quality.masks import foreground_iou
from pipeline.store import hdf5
from pipeline.store.images import ImageStore


def measure_removal(
    store: ImageStore, truth: hdf5.Cache, seeds: hdf5.Cache, removed: NDArray[np.int64], bar: float
) -> dict[str, float | int]:
    """Compare the seeds that were removed with all that were trained on, by their overlap with the true vehicle.

    Args:
        store: The images.
        truth: Their ground truth, ``truth/1``.
        seeds: Their seed masks, ``grabcut/1``.
        removed: Rows whose seeds were removed, from `pipeline.foreground.trained_on`.
        bar: Seeds of a smaller intersection over union are bad.

    Returns:
        ``seeds``, those trained on whose truth is known; ``bad_share`` of them; ``removed``, how many of them were
        removed; and where there are any, ``removed_bad_share`` of these. Empty where no seed's truth is known and
        complete.
    """
    if not truth.header.notes["complete"]:
        return {}
    known = np.flatnonzero(np.diff(truth["view_labels_offsets"][()]) > 0)
    rows = np.intersect1d(training_rows(store, seeds), known)
    if not len(rows):
        return {}
    bad = np.array([_overlap(truth, seeds, row) < bar for row in rows.tolist()])
    gone = np.isin(rows, removed)
    found: dict[str, float | int] = {
        "seeds": len(rows),
        "bad_share": float(bad.mean()),
        "removed": int(gone.sum()),
    }
    return found | ({"removed_bad_share": float(bad[gone].mean())} if gone.any() else {})


def _overlap(truth: hdf5.Cache, seeds: hdf5.Cache, row: int) -> float:
    labels = read_view_labels(truth, row)
    assert labels is not None, f"row {row} was chosen for its true views"
    return foreground_iou(seeds["masks"][row], labels)
