"""Quality of every intermediate artifact, measured wherever there is ground truth and nowhere else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveInt
from tqdm import tqdm

from pipeline.artifacts.foreground import open_foreground
from pipeline.artifacts.parts import open_parts, parts_at
from pipeline.artifacts.seeds import open_seeds
from pipeline.artifacts.truth import open_truth, read_view_labels
from pipeline.artifacts.views import open_views
from pipeline.parts.trained_on import unseen_rows
from pipeline.quality.masks import coverage, foreground_iou, spill
from pipeline.quality.parts import measure_parts
from pipeline.quality.removal import measure_removal
from pipeline.quality.views import viewpoint_accuracy, visible_view_ious
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.params import Share, parameters
from pipeline.store.vocabulary import VIEWS, PartClass

Columns = dict[str, NDArray[np.float64]]


@parameters
class QualityParams:
    """The `evaluate_artifacts` section of `params.yaml`."""

    parts: PositiveInt
    """D of the recall of annotated parts among an image's D most confident boxes."""
    identifying: tuple[PartClass, ...]
    """Part classes that tell vehicles of one model apart; their recall is given apart too."""
    spill_margin: NonNegativeFloat
    """Where the truth names some parts only: growth of their hull, as a share of its longer side, within which a mask
    is not called spill."""
    bad_seed_iou: Share
    """Seed masks whose intersection over union with the true vehicle is smaller are bad ones; of those that training
    removed, and of all, their share is given."""
    viewpoint_share: Annotated[float, Field(gt=0, le=0.5)]
    """Share of the view masks' area from which on a view counts as shown, in (0, 0.5]."""


@dataclass(frozen=True)
class Artifacts:
    """The files of one data set, all following the table of `store`.

    Attributes:
        store: Images, labels and annotated parts.
        truth: Ground truth, ``truth/1``.
        grabcut: Seed masks, ``grabcut/1``.
        foreground: Foreground masks, ``foreground/1``.
        parts: Part boxes, ``parts/1``.
        part_masks: View masks and area ratios, ``part_masks/1``.
    """

    store: ImageStore
    truth: hdf5.Cache
    grabcut: hdf5.Cache
    foreground: hdf5.Cache
    parts: hdf5.Cache
    part_masks: hdf5.Cache


def open_artifacts(path: Callable[[str], Path]) -> Artifacts:
    """Open the files of one data set.

    Args:
        path: Name of an output, as ``part_masks`` -> its file.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is of another kind or follows another image table.
    """
    store = ImageStore(path("images"))
    return Artifacts(
        store=store,
        truth=open_truth(path("truth"), store.digest),
        grabcut=open_seeds(path("grabcut"), store.digest),
        foreground=open_foreground(path("foreground"), store.digest),
        parts=open_parts(path("parts"), store.digest),
        part_masks=open_views(path("part_masks"), store.digest),
    )


def measured_rows(store: ImageStore, truth: hdf5.Cache) -> NDArray[np.int64]:
    """Rows whose masks are measured, each distinct image once.

    Query and gallery where they have true views, else every row that has. No training reads true views, so
    neither choice favours the networks' own training labels; query and gallery are images no network has seen.

    Args:
        store: The images.
        truth: Their ground truth.
    """
    known = np.flatnonzero(np.diff(truth["view_labels_offsets"][()]) > 0)
    tested = np.intersect1d(known, store.rows("query", "gallery"))
    return distinct(store, tested if len(tested) else known)


def distinct(store: ImageStore, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keep the first row of each distinct image among `rows`, by content."""
    return rows[np.sort(np.unique(store.image_digests[rows], return_index=True)[1])]


def mask_columns(artifacts: Artifacts, rows: NDArray[np.int64], margin: float) -> dict[str, Columns]:
    """Measure every row's masks against its true views.

    Args:
        artifacts: The data set.
        rows: `(M,)` rows that have true views.
        margin: See `QualityParams.spill_margin`.

    Returns:
        For ``grabcut``, ``foreground`` and ``part_masks``: measure -> `(M,)` values, NaN where undefined. Foreground
        masks have ``iou`` where the truth is complete, else ``coverage`` and ``spill``; view masks ``iou_front`` and
        so on, where the truth is incomplete judged on labelled pixels alone and called ``labelled_iou_front``.
    """
    complete = bool(artifacts.truth.header.notes["complete"])
    whole = _complete if complete else partial(_incomplete, margin=margin)
    views = partial(_views, complete=complete)
    found: dict[str, list[dict[str, float]]] = {"grabcut": [], "foreground": [], "part_masks": []}
    for row in tqdm(rows.tolist(), unit="image", mininterval=5, disable=None):
        labels = read_view_labels(artifacts.truth, row)
        assert labels is not None, f"row {row} was chosen for its true views"
        found["grabcut"].append(whole(artifacts.grabcut["masks"][row], labels))
        found["foreground"].append(whole(artifacts.foreground["masks"][row], labels))
        viewpoint = int(artifacts.store.viewpoints[row])
        if viewpoint >= 0:
            found["part_masks"].append(views(artifacts.part_masks["masks"][row], labels, viewpoint))
    return {name: _transpose(values) for name, values in found.items()}


def _complete(mask: NDArray[np.uint8], labels: NDArray[np.uint8]) -> dict[str, float]:
    return {"iou": foreground_iou(mask, labels)}


def _incomplete(mask: NDArray[np.uint8], labels: NDArray[np.uint8], margin: float) -> dict[str, float]:
    return {"coverage": coverage(mask, labels), "spill": spill(mask, labels, margin)}


def _views(masks: NDArray[np.uint8], labels: NDArray[np.uint8], viewpoint: int, complete: bool) -> dict[str, float]:
    values = visible_view_ious(masks, labels, viewpoint, labelled_only=not complete)
    name = "iou" if complete else "labelled_iou"
    return {f"{name}_{view}": float(value) for view, value in zip(VIEWS, values, strict=True)}


def _transpose(rows: Iterable[Mapping[str, float]]) -> Columns:
    listed = list(rows)
    return {name: np.array([row[name] for row in listed]) for name in (listed[0] if listed else ())}


def summarise_masks(columns: Columns) -> dict[str, float | int]:
    """Mean and median of a foreground mask's measures, leaving out undefined ones, with the number of images."""
    summary: dict[str, float | int] = {}
    for name, values in columns.items():
        summary |= _defined(f"{name}_mean", np.mean, values) | _defined(f"{name}_median", np.median, values)
    return summary | _images(columns)


def summarise_views(columns: Columns) -> dict[str, float | int]:
    """Mean of each view's measure over the images that define it, and the mean of those means."""
    means: dict[str, float] = {}
    for name, values in columns.items():
        means |= _defined(name, np.mean, values)
    prefix = next(iter(columns), "").rpartition("_")[0]
    return means | _defined(f"{prefix}_mean", np.mean, np.array(list(means.values()))) | _images(columns)


def _images(columns: Columns) -> dict[str, int]:
    return {"images": len(next(iter(columns.values())))} if columns else {}


def _defined(
    name: str, statistic: Callable[[NDArray[np.float64]], Any], values: NDArray[np.float64]
) -> dict[str, float]:
    """`{name: statistic of the finite values}`, or nothing when there are none."""
    finite = values[np.isfinite(values)]
    return {name: float(statistic(finite))} if len(finite) else {}


def measure_boxes(
    artifacts: Artifacts, rows: NDArray[np.int64], params: QualityParams
) -> tuple[dict[str, float | int], list[dict[str, Any]]]:
    """Measure the cached part boxes of annotated rows.

    Args:
        artifacts: The data set.
        rows: Annotated rows the detector was not trained on.
        params: D of the top-D recall, and the identifying classes.

    Returns:
        What `measure_parts` returns; both empty where nothing is annotated.
    """
    truths = [found for row in rows if (found := artifacts.store.parts(int(row))) is not None]
    if not any(len(truth.boxes) for truth in truths):
        return {}, []
    return measure_parts(parts_at(artifacts.parts, ()).some(rows), truths, params.parts, params.identifying)


def measure_viewpoints(artifacts: Artifacts, trained_on: str, share: float) -> dict[str, float | int]:
    """Accuracy of viewpoints read off area ratios; empty where SPAN has been trained on every labelled image.

    Args:
        artifacts: The data set.
        trained_on: Digest of the table SPAN was trained on; its `train` and `extra` rows are left out.
        share: See `QualityParams.viewpoint_share`.

    Returns:
        ``accuracy`` in [0, 1] and ``images``.
    """
    store = artifacts.store
    rows = store.rows("query", "gallery") if trained_on == store.digest else np.arange(len(store))
    rows = distinct(store, rows[store.viewpoints[rows] >= 0])
    if not len(rows):
        return {}
    ratios = artifacts.part_masks["area_ratios"][()][rows]
    return {"accuracy": viewpoint_accuracy(ratios, store.viewpoints[rows], share), "images": len(rows)}


def measure(
    artifacts: Artifacts,
    trained_images: Sequence[str],
    trained_table: str,
    removed_seeds: NDArray[np.int64],
    params: QualityParams,
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Measure everything that the data set's ground truth allows.

    Args:
        artifacts: The data set.
        trained_images: What the part detector was trained on, from `pipeline.parts.trained_on`.
        trained_table: What SPAN was trained on, from `pipeline.views.trained_on`.
        removed_seeds: What the foreground network was not trained on after all, from `pipeline.foreground.trained_on`.
        params: How to measure.

    Returns:
        Metrics, group -> measure -> value, without the groups and measures that nothing defines; and one line an
        occurring part class, as `measure_parts` gives it.
    """
    columns = mask_columns(artifacts, measured_rows(artifacts.store, artifacts.truth), params.spill_margin)
    boxes, classes = measure_boxes(artifacts, unseen_rows(artifacts.store, trained_images), params)
    failed = artifacts.grabcut["failed"][()][distinct(artifacts.store, np.arange(len(artifacts.store)))]
    metrics = {
        "grabcut": summarise_masks(columns["grabcut"]) | {"failed": int(failed.sum()), "failed_of": len(failed)},
        "removed_seeds": measure_removal(
            artifacts.store, artifacts.truth, artifacts.grabcut, removed_seeds, params.bad_seed_iou
        ),
        "foreground": summarise_masks(columns["foreground"]),
        "parts": boxes,
        "part_masks": summarise_views(columns["part_masks"]),
        "viewpoint": measure_viewpoints(artifacts, trained_table, params.viewpoint_share),
    }
    return {name: values for name, values in metrics.items() if values}, classes
