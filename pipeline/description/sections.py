"""The sections of `params.yaml`, each with the class that holds it, and the re-ID networks with theirs."""

import pkgutil
from typing import Any

from pipeline.datasets.adapters import PrepareParams
from pipeline.foreground.grabcut import GrabCutParams
from pipeline.foreground.prediction import ForegroundPredictionParams
from pipeline.foreground.training import ForegroundTrainingParams
from pipeline.parts.detection import PartDetectionParams
from pipeline.parts.training import DetectorTrainingParams
from pipeline.quality.artifacts import QualityParams
from pipeline.reid import models
from pipeline.reid.build import network_module
from pipeline.reid.embedding import EmbedParams
from pipeline.reid.params import ReidTrainingParams
from pipeline.report.sources import ReportParams
from pipeline.retrieval.evaluation import EvaluateParams
from pipeline.store.runtime import RuntimeParams
from pipeline.synthetic.fleet import FleetParams
from pipeline.views.prediction import ViewPredictionParams
from pipeline.views.training import SpanTrainingParams

SECTIONS: dict[str, type] = {
    "runtime": RuntimeParams,
    "synthesize": FleetParams,
    "prepare": PrepareParams,
    "grabcut": GrabCutParams,
    "train_foreground": ForegroundTrainingParams,
    "predict_foreground": ForegroundPredictionParams,
    "train_detector": DetectorTrainingParams,
    "detect_parts": PartDetectionParams,
    "train_span": SpanTrainingParams,
    "predict_part_masks": ViewPredictionParams,
    "train_reid": ReidTrainingParams,
    "embed": EmbedParams,
    "evaluate": EvaluateParams,
    "evaluate_artifacts": QualityParams,
    "report": ReportParams,
}


def networks() -> dict[str, type[Any]]:
    """Name of every re-ID network -> the class of its own parameters."""
    names = sorted(module.name for module in pkgutil.iter_modules(models.__path__))
    return {name: network_module(name, "reid_models").NetworkParams for name in names}
