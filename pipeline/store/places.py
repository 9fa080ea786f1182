"""Where everything lies: one table of places for stages, search and report, each with the stage that fills it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pipeline.store import params
from pipeline.store.files import digest_of

T = TypeVar("T")


class Place(NamedTuple):
    """Where a file or folder lies.

    Attributes:
        pattern: Path below the workspace's root, with ``{dataset}`` and ``{model}``.
        stage: The stage that makes it.
    """

    pattern: str
    stage: str


PLACES: dict[str, Place] = {
    "params": Place("data/params", "resolve_params"),
    "raw": Place("data/raw/{dataset}", "synthesize"),
    "images": Place("data/images/{dataset}.h5", "prepare"),
    "truth": Place("data/truth/{dataset}.h5", "prepare"),
    "grabcut": Place("data/grabcut/{dataset}.h5", "grabcut"),
    "foreground_network": Place("models/foreground/{dataset}.safetensors", "train_foreground"),
    "foreground_history": Place("data/history/train_foreground/{dataset}.csv", "train_foreground"),
    "foreground": Place("data/foreground/{dataset}.h5", "predict_foreground"),
    "detector": Place("models/detector.safetensors", "train_detector"),
    "detector_history": Place("data/history/train_detector.csv", "train_detector"),
    "parts": Place("data/parts/{dataset}.h5", "detect_parts"),
    "span": Place("models/span.safetensors", "train_span"),
    "span_history": Place("data/history/train_span.csv", "train_span"),
    "part_masks": Place("data/part_masks/{dataset}.h5", "predict_part_masks"),
    "quality": Place("data/quality/{dataset}/metrics.json", "evaluate_artifacts"),
    "part_classes": Place("data/quality/{dataset}/ap_by_class.csv", "evaluate_artifacts"),
    "reid": Place("models/reid/{dataset}/{model}.safetensors", "train_reid"),
    "reid_history": Place("data/history/train_reid/{dataset}/{model}.csv", "train_reid"),
    "features": Place("data/features/{dataset}/{model}.h5", "embed"),
    "attention": Place("data/attention/{dataset}/{model}.h5", "embed"),
    "metrics": Place("data/evaluation/{dataset}/{model}/metrics.json", "evaluate"),
    "curve": Place("data/evaluation/{dataset}/{model}/cmc.csv", "evaluate"),
    "ranking": Place("data/evaluation/{dataset}/{model}/ranking.h5", "evaluate"),
    "tables": Place("data/evaluation/{dataset}/{model}/tables", "evaluate"),
    "report": Place("data/report", "report"),
}
"""Name of an output -> where it lies."""

HISTORY = "data/history"
"""Folder of the trainings' curves."""

LOGS = "data/logs"
"""Folder of what `runtime.logger` is told; no stage's output."""


@dataclass(frozen=True)
class Workspace:
    """A folder laid out as this project, seen from one data set and one re-ID model.

    Attributes:
        root: The folder that holds ``data`` and ``models``.
        dataset: Name of the data set; "" where nothing depends on it.
        model: Name of the re-ID model; "" where nothing depends on it.
        parameters: The parameter file.
    """

    root: Path
    dataset: str = ""
    model: str = ""
    parameters: Path = Path("params.yaml")

    def path(self, name: str) -> Path:
        """Where an output lies, or will.

        Args:
            name: A key of `PLACES`.
        """
        return self.root / PLACES[name].pattern.format(dataset=self.dataset, model=self.model)

    def existing(self, name: str) -> Path:
        """Where an output lies.

        Raises:
            FileNotFoundError: It does not exist; the message names the stage that makes it.
        """
        path = self.path(name)
        if not path.exists():
            stage = PLACES[name].stage
            raise FileNotFoundError(f"{path}: no such file; stage `{stage}` makes it (`dvc repro` or `dvc pull`)")
        return path

    def scratch(self, stage: str, inputs: Mapping[str, Any]) -> Path:
        """Folder in which a stage keeps what an interruption must not lose.

        Args:
            stage: Its name.
            inputs: Everything that decides its result, JSON values only; their digest names the folder.
        """
        return self.root / ".scratch" / stage / digest_of(inputs)

    def logs(self, stage: str) -> Path:
        """Folder in which a training's log goes, if one is wanted: three names below `LOGS`.

        Args:
            stage: Its name.
        """
        return self.root / LOGS / stage / (self.dataset or "all") / (self.model or "network")

    def load(self, section: str, cls: type[T]) -> T:
        """Read a section of the parameter file as the data set has it; raises as `pipeline.store.params.load`."""
        return params.load(self.parameters, section, cls, dataset=self.dataset or None)

    def check_chosen(self, stage: str, chosen: str) -> None:
        """Check that a stage that serves the whole workspace runs on the data set its parameters name.

        Raises:
            ValueError: It does not.
        """
        if self.dataset != chosen:
            raise ValueError(f"{self.parameters}: {stage}.dataset is {chosen!r}, got --dataset {self.dataset!r}")
