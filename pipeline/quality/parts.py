"""How good part boxes are: average precision by class, and the recall of the top-D boxes whatever their class."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import box_iou

from pipeline.artifacts.parts import Detections
from pipeline.store.boxes import PartBoxes
from pipeline.store.vocabulary import PART_CLASSES

COCO_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""IoU thresholds 0.5, 0.55 ... 0.95 of COCO's average precision."""

_RECALLS = np.linspace(0, 1, 101)


CLASS_COLUMNS = ("part", "parts", "ap50", "ap", "recall_top_d")
"""What is measured of each class: its name, its annotated parts, and figures as of all."""


def measure_parts(
    found: Detections, truths: Sequence[PartBoxes], d: int, identifying: Collection[str]
) -> tuple[dict[str, float | int], list[dict[str, Any]]]:
    """Measure cached part boxes of images whose parts are known.

    Args:
        found: Detections of N images, boxes `(N, M, 4)` in the order in which models take them.
        truths: The N images' annotated parts.
        d: D of the top-D recall.
        identifying: Classes whose recall is given apart.

    Returns:
        Of all parts: ``images``, ``parts`` (annotated), ``ap50`` and ``ap`` (means over the classes that occur), ``d``,
        ``recall_top_d`` (see `top_recall`) and ``recall_top_d_ceiling`` (see `recall_ceiling`); where an identifying
        part is annotated, ``identifying_parts``, ``recall_top_d_identifying`` and ``recall_top_d_identifying_ceiling``,
        what D boxes could reach that cover nothing else. And one line of `CLASS_COLUMNS` an occurring class.

    Raises:
        ValueError: Detections and truths are of different numbers of images, or no part is annotated.
    """
    if len(found.boxes) != len(truths):
        raise ValueError(f"expected detections of {len(truths)} images, got those of {len(found.boxes)}")
    if not any(len(truth.boxes) for truth in truths):
        raise ValueError(f"none of the {len(truths)} images has an annotated part to measure against")
    by_class = average_precisions(found, truths, COCO_IOUS)
    classes = [
        {
            "part": name,
            "parts": sum(len(truth.boxes) for truth in of_class),
            "ap50": float(values[0]),
            "ap": float(values.mean()),
            "recall_top_d": top_recall(found.boxes, of_class, d),
        }
        for name, values in by_class.items()
        for of_class in [_only(truths, [name])]
    ]
    metrics = {
        "images": len(truths),
        "parts": sum(len(truth.boxes) for truth in truths),
        "ap50": float(np.mean([line["ap50"] for line in classes])),
        "ap": float(np.mean([line["ap"] for line in classes])),
        "d": d,
        "recall_top_d": top_recall(found.boxes, truths, d),
        "recall_top_d_ceiling": recall_ceiling(truths, d),
    }
    return metrics | _identifying(found.boxes, _only(truths, identifying), d), classes


def _only(truths: Sequence[PartBoxes], names: Collection[str]) -> list[PartBoxes]:
    """The same images with no other parts than those of some classes."""
    kept = [np.isin(truth.labels, [PART_CLASSES.index(name) for name in names]) for truth in truths]
    return [PartBoxes(truth.boxes[keep], truth.labels[keep]) for truth, keep in zip(truths, kept, strict=True)]


def _identifying(boxes: NDArray[np.float32], truths: Sequence[PartBoxes], d: int) -> dict[str, float | int]:
    count = sum(len(truth.boxes) for truth in truths)
    if not count:
        return {}
    return {
        "identifying_parts": count,
        "recall_top_d_identifying": top_recall(boxes, truths, d),
        "recall_top_d_identifying_ceiling": recall_ceiling(truths, d),
    }


def average_precisions(
    found: Detections, truths: Sequence[PartBoxes], ious: Sequence[float]
) -> dict[str, NDArray[np.float64]]:
    """Average precision of each class that occurs, as COCO computes it (101 recall levels).

    Unlike COCO's 100, only the detections given count, `max_parts` an image.

    Args:
        found: Detections of N images.
        truths: The N images' annotated parts.
        ious: Thresholds; a detection is right when it overlaps an annotated part of its class, not taken by a
            more confident one, by at least this IoU.

    Returns:
        Class name -> `(len(ious),)` average precisions in [0, 1]; classes without a single part are left out.
    """
    results = {}
    for label, name in enumerate(PART_CLASSES):
        parts = sum(int((truth.labels == label).sum()) for truth in truths)
        if parts:
            scores, right = _judge(found, truths, label, ious)
            results[name] = np.array([_area_under(scores, column, parts) for column in right.T])
    return results


def _judge(
    found: Detections, truths: Sequence[PartBoxes], label: int, ious: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Scores `(K,)` of all detections of a class and whether each is right, `(K, len(ious))`."""
    scores, right = [np.zeros(0, np.float32)], [np.zeros((0, len(ious)), bool)]
    for index, truth in enumerate(truths):
        mine = found.labels[index] == label
        overlaps = _iou(found.boxes[index][mine], truth.boxes[truth.labels == label])
        scores.append(found.scores[index][mine])
        right.append(np.stack([_match(overlaps, threshold) for threshold in ious], axis=1))
    return np.concatenate(scores), np.concatenate(right)


def _match(overlaps: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Give each detection, by falling score, the free part it overlaps most: `(K, parts)` -> `(K,)` bool.

    Of parts overlapped equally the last is taken, as COCO does.
    """
    free = overlaps.copy()
    right = np.zeros(len(free), bool)
    for index in range(len(free)):
        if free.shape[1] and free[index].max() >= threshold:
            right[index] = True
            free[:, np.flatnonzero(free[index] == free[index].max())[-1]] = -1
    return right


def _area_under(scores: NDArray[np.float32], right: NDArray[np.bool_], parts: int) -> float:
    ranked = right[np.argsort(-scores, kind="stable")]
    hits = np.cumsum(ranked)
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]  # best precision at this recall or a higher one
    position = np.searchsorted(hits / parts, _RECALLS, side="left")
    return float(np.append(precision, 0.0)[position].mean())


def top_recall(boxes: NDArray[np.float32], truths: Sequence[PartBoxes], d: int, iou: float = 0.5) -> float:
    """Share of all annotated parts that one of their image's top D boxes overlaps by at least `iou`.

    Labels are ignored, as PGAN ignores them; one box may cover two parts that lie on each other.

    Args:
        boxes: `(N, M, 4)` float32, in the order in which models take them.
        truths: The N images' annotated parts, at least one in all.
        d: D.
        iou: Threshold.
    """
    covered = [
        _iou(image_boxes[:d], truth.boxes).max(axis=0, initial=0) >= iou
        for image_boxes, truth in zip(boxes, truths, strict=True)
    ]
    return float(np.concatenate(covered).mean())


def recall_ceiling(truths: Sequence[PartBoxes], d: int) -> float:
    """Share of all annotated parts that D boxes per image could cover at most, one part a box."""
    counts = np.array([len(truth.boxes) for truth in truths])
    return float(np.minimum(counts, d).sum() / counts.sum())


def _iou(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(box_iou(torch.from_numpy(first).double(), torch.from_numpy(second).double()).numpy())
