"""How good part masks are that a row made for itself: against the true views where known, and by their area ratios."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.ablations.experiment import Experiment
from pipeline.artifacts.truth import open_truth, read_view_labels
from pipeline.artifacts.views import open_views
from pipeline.quality.artifacts import QualityParams, distinct, measured_rows, summarise_views
from pipeline.quality.views import viewpoint_accuracy, visible_view_ious
from pipeline.store import hdf5
from pipeline.store.vocabulary import VIEWS

IOU = "IoU, mean of views"
"""The measure that a sweep is charted by."""
VIEWPOINT = "viewpoint by area ratios"


def measure_masks(experiment: Experiment, path: Path) -> dict[str, float]:
    """Measure part masks on the images that models are measured on.

    Args:
        experiment: Says which these are.
        path: The part masks.

    Returns:
        Measure -> value in [0, 1]: intersection over union of each view and `IOU` where any of the images has true
        views, and `VIEWPOINT`, the share of labelled images whose viewpoint is read off their area ratios, where any
        is labelled. Where the truth is incomplete, the former are judged on its labelled pixels alone.

    Raises:
        ValueError: The masks follow another image table.
    """
    store = experiment.store
    masks = open_views(path, store.digest)
    found = dict(_ious(experiment, masks))
    rows = distinct(store, experiment.split.embedded[store.viewpoints[experiment.split.embedded] >= 0])
    if len(rows):
        share = experiment.workspace.load("evaluate_artifacts", QualityParams).viewpoint_share
        found[VIEWPOINT] = viewpoint_accuracy(masks["area_ratios"][()][rows], store.viewpoints[rows], share)
    return found


def _ious(experiment: Experiment, masks: hdf5.Cache) -> Iterator[tuple[str, float]]:
    store = experiment.store
    truth = open_truth(experiment.workspace.existing("truth"), store.digest)
    rows, complete = _known(experiment, truth), bool(truth.header.notes["complete"])
    scores = np.full((len(rows), len(VIEWS)), np.nan)
    for place, row in enumerate(rows.tolist()):
        labels, viewpoint = read_view_labels(truth, row), int(store.viewpoints[row])
        assert labels is not None, f"row {row} was chosen for its true views"
        scores[place] = visible_view_ious(masks["masks"][row], labels, viewpoint, labelled_only=not complete)
    means = summarise_views({f"IoU_{view}": column for view, column in zip(VIEWS, scores.T, strict=True)})
    for view in VIEWS:
        if f"IoU_{view}" in means:
            yield f"IoU, {view}", float(means[f"IoU_{view}"])
    if "IoU_mean" in means:
        yield IOU, float(means["IoU_mean"])


def _known(experiment: Experiment, truth: hdf5.Cache) -> NDArray[np.int64]:
    """Rows with true views and a viewpoint: among vehicles held out, or those whose quality the pipeline measures."""
    store = experiment.store
    if experiment.split.held_out is None:
        rows = measured_rows(store, truth)
    else:
        known = np.flatnonzero(np.diff(truth["view_labels_offsets"][()]) > 0)
        rows = distinct(store, np.intersect1d(known, experiment.split.embedded))
    return rows[store.viewpoints[rows] >= 0]
