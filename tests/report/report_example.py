"""What the tiny data set lacks for a report: evaluations, quality, training histories."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from drawn_vehicles import TinyData

from pipeline.artifacts.features import Features
from pipeline.report.sources import ReportParams
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_table
from pipeline.retrieval.output import write_evaluation
from pipeline.retrieval.protocols import DrawsParams
from pipeline.retrieval.summary import BootstrapParams
from pipeline.store.files import write_csv, write_json
from pipeline.store.places import HISTORY

MODELS = ["baseline", "<pgan>"]
"""The second name would break a page that did not escape it."""
PARAMS = ReportParams(
    sheet_images=3,
    sheet_columns=2,
    sheet_side=48,
    parts_shown=3,
    attention_images=2,
    overview_images=20,
    overview_side=24,
    queries=2,
    ranks=2,
    retrieval_side=32,
    quality=50,
    baseline="baseline",
)
EVALUATE = EvaluateParams(
    protocol="cross_camera",
    test_set=None,
    group_by="type",
    alike=None,
    tracks=None,
    draws=DrawsParams(1, 0),
    query_expansion=None,
    rerank=None,
    ranks=(1, 2),
    curve_length=2,
    ranking_length=2,
    bootstrap=BootstrapParams(20, 0),
    chunk_megabytes=1,
)


def write_results(data: TinyData, alike: str | None = None) -> None:
    """Write evaluations (right for the first model, wrong for the second), quality and histories.

    Args:
        data: The tiny data set.
        alike: Column whose values say which vehicles look alike.
    """
    store = data.store
    rows = store.test_rows()
    codes = np.unique(store.vehicle_ids[rows], return_inverse=True)[1]
    evaluate = replace(EVALUATE, alike=alike)
    for model, wrong in zip(MODELS, (False, True), strict=True):
        is_query = store.splits[rows] == "query"
        values = np.eye(2, dtype=np.float32)[np.where(is_query & wrong, 1 - codes, codes)]
        features = Features(rows, values, np.zeros((len(rows), 0), np.float32), "euclidean", (2,))
        evaluation = evaluate_table(store, features, evaluate, torch.device("cpu"))
        folder = data.path("metrics", model).parent
        write_evaluation(folder, store, features, evaluation, evaluate.curve_length, {})
    quality = {"grabcut": {"iou_mean": 0.5, "images": 4, "failed": 1, "failed_of": 8}}
    write_json(data.path("quality"), quality)
    classes = [{"part": "wheel", "parts": 4, "ap50": 0.25, "ap": 0.125, "recall_top_d": 0.75}]
    write_csv(data.path("part_classes"), classes, tuple(classes[0]))
    for path in ("train_span.csv", f"train_reid/{data.name}/baseline.csv", "train_reid/other/baseline.csv"):
        write_history(data.root / HISTORY / path)


def write_history(path: Path) -> None:
    """Write an epoch of a first phase with a loss of its own, then three of a loss with two terms."""
    rows = [
        {"epoch": epoch, "learning_rate": 1e-3, "loss": 3.0 / (epoch + 1), "area": 1 / (epoch + 1), "views": 2 / 3}
        for epoch in range(1, 4)
    ]
    first = {"epoch": 0, "learning_rate": 1e-3, "loss": 0.7, "warmup": 0.7}
    write_csv(path, [first, *rows], ("epoch", "learning_rate", "loss", "warmup", "area", "views"))
