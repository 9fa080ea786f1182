"""Where everything lies: one table of places for stages, search and report, each with the stage that fills it."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pipeline.store import params
from pipeline.store.code import libraries_of, loaded_code
from pipeline.store.files import digest_of

T = TypeVar("T")


class Place(NamedTuple):
    """Where a file or folder lies.

    Attributes:
        pattern: Path below the workspace's root, with ``{dataset}``, ``{model}`` and ``{trained_on}``.
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
    "grabcut_rows": Place("data/rows/grabcut/{dataset}.h5", "grabcut"),
    "foreground_network": Place("models/foreground/{dataset}.safetensors", "train_foreground"),
    "foreground_history": Place("data/history/train_foreground/{dataset}.csv", "train_foreground"),
    "foreground": Place("data/foreground/{dataset}.h5", "predict_foreground"),
    "foreground_rows": Place("data/rows/foreground/{dataset}.h5", "predict_foreground"),
    "detector": Place("models/detector.safetensors", "train_detector"),
    "detector_history": Place("data/history/train_detector.csv", "train_detector"),
    "parts": Place("data/parts/{dataset}.h5", "detect_parts"),
    "parts_rows": Place("data/rows/parts/{dataset}.h5", "detect_parts"),
    "span": Place("models/span.safetensors", "train_span"),
    "span_history": Place("data/history/train_span.csv", "train_span"),
    "part_masks": Place("data/part_masks/{dataset}.h5", "predict_part_masks"),
    "part_masks_rows": Place("data/rows/part_masks/{dataset}.h5", "predict_part_masks"),
    "quality": Place("data/quality/{dataset}/metrics.json", "evaluate_artifacts"),
    "part_classes": Place("data/quality/{dataset}/ap_by_class.csv", "evaluate_artifacts"),
    "reid": Place("models/reid/{dataset}/{model}.safetensors", "train_reid"),
    "reid_history": Place("data/history/train_reid/{dataset}/{model}.csv", "train_reid"),
    "features": Place("data/features/{dataset}/{model}.h5", "embed"),
    "features_rows": Place("data/rows/features/{dataset}/{model}.h5", "embed"),
    "attention": Place("data/attention/{dataset}/{model}.h5", "embed"),
    "metrics": Place("data/evaluation/{dataset}/{model}/metrics.json", "evaluate"),
    "curve": Place("data/evaluation/{dataset}/{model}/cmc.csv", "evaluate"),
    "ranking": Place("data/evaluation/{dataset}/{model}/ranking.h5", "evaluate"),
    "tables": Place("data/evaluation/{dataset}/{model}/tables", "evaluate"),
    "reid_together": Place("models/reid/{dataset}/{model}.safetensors", "train_together"),
    "reid_together_history": Place("data/history/train_reid/{dataset}/{model}.csv", "train_together"),
    "features_across": Place("data/features/{dataset}/from_{trained_on}/{model}.h5", "embed_across"),
    "features_across_rows": Place("data/rows/features/{dataset}/from_{trained_on}/{model}.h5", "embed_across"),
    "attention_across": Place("data/attention/{dataset}/from_{trained_on}/{model}.h5", "embed_across"),
    "metrics_across": Place("data/evaluation/{dataset}/from_{trained_on}/{model}/metrics.json", "evaluate_across"),
    "curve_across": Place("data/evaluation/{dataset}/from_{trained_on}/{model}/cmc.csv", "evaluate_across"),
    "ranking_across": Place("data/evaluation/{dataset}/from_{trained_on}/{model}/ranking.h5", "evaluate_across"),
    "tables_across": Place("data/evaluation/{dataset}/from_{trained_on}/{model}/tables", "evaluate_across"),
    "artifact_digests": Place("data/digests/{dataset}.json", "digest_artifacts"),
    "evaluation_digests": Place("data/digests/{dataset}/{model}.json", "digest_evaluation"),
    "across_digests": Place("data/digests/{dataset}/from_{trained_on}/{model}.json", "digest_across"),
    "report": Place("data/report", "report"),
}
"""Name of an output -> where it lies."""

SCRATCH = ".scratch"
"""Folder of what an interruption must not lose."""
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
        guards: What was read with `guard`, how to read it again, and what came.
        scratches: Folders that `scratch` has given; see `stages.command`.
        trained_on: Name of the data set that a model comes from, where it is run on another; else "".
    """

    root: Path
    dataset: str = ""
    model: str = ""
    parameters: Path = Path("params.yaml")
    guards: list[tuple[str, Callable[[], Any], Any]] = field(default_factory=list, compare=False, repr=False)
    scratches: list[Path] = field(default_factory=list, compare=False, repr=False)
    trained_on: str = ""

    def pattern(self, name: str) -> str:
        """Where an output lies, with ``{dataset}``, ``{model}`` and ``{trained_on}``."""
        return PLACES[name].pattern

    def path(self, name: str) -> Path:
        """Where an output lies, or will.

        Args:
            name: A key of `PLACES`.
        """
        return self.root / self.pattern(name).format(dataset=self.dataset, model=self.model, trained_on=self.trained_on)

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

    def having(self, name: str) -> "list[Workspace]":
        """The same folder seen from each data set, and model, for which an output is there.

        Args:
            name: A key of `PLACES`.
        """
        pattern = self.pattern(name)
        form = _form(pattern)
        paths = self.root.glob(pattern.format(dataset="*", model="*", trained_on="*"))
        found = [re.fullmatch(form, path.relative_to(self.root).as_posix()) for path in sorted(paths)]
        return [self._seen_from(**match.groupdict()) for match in found if match is not None]

    def name_of(self, path: Path) -> str | None:
        """Which output a path is, or lies in, of whatever data set and model: a key of `PLACES`, None for none."""
        for resolved in (os.path.abspath, os.path.realpath):
            for name, place in PLACES.items():
                top, below = place.pattern.split("/", 1)
                found = os.path.relpath(resolved(path), resolved(self.root / top))
                if re.match(f"{_form(below)}(/|$)", found):
                    return name
        return None

    def _seen_from(self, dataset: str, model: str = "", trained_on: str = "") -> "Workspace":
        return replace(self, dataset=dataset, model=model, trained_on=trained_on)

    def scratch(self, stage: str, inputs: Mapping[str, Any], *code: str) -> Path:
        """Folder in which a stage keeps what an interruption must not lose, until its output stands.

        A digest names it: of the inputs, of the stage's code, and of the versions of libraries. So what was begun with
        other code is not gone on with.

        Args:
            stage: Its name.
            inputs: Everything else that decides its result, JSON values only.
            code: Paths of modules that the stage finds by name, as ``pipeline/reid/models/pgan.py``.
        """
        entries = (f"stages/{stage}.py", *code)
        decided_by = {"inputs": inputs, "code": loaded_code(entries), "libraries": libraries_of(entries)}
        self.scratches.append(folder := self.root / SCRATCH / stage / digest_of(decided_by))
        return folder

    def logs(self, stage: str) -> Path:
        """Folder in which a training's log goes, if one is wanted: three names below `LOGS`.

        Args:
            stage: Its name.
        """
        return self.root / LOGS / stage / (self.dataset or "all") / (self.model or "network")

    def load(self, section: str, cls: type[T]) -> T:
        """Read a section of the parameter file as the data set has it; raises as `pipeline.store.params.load`."""
        dataset = self.dataset or None
        self.guard(f"{self.parameters}: {section}", lambda: params.section_values(self.parameters, section, dataset))
        return params.load(self.parameters, section, cls, dataset=dataset)

    def document(self) -> dict[str, Any]:
        """The whole parameter file, parsed; raises as `pipeline.store.params.read`."""
        return dict(self.guard(str(self.parameters), lambda: params.read(self.parameters)))

    def guard(self, what: str, read: Callable[[], T]) -> T:
        """Read something that must stay as it is until the stage ends.

        Args:
            what: Its name, for messages.
            read: Reads it.
        """
        self.guards.append((what, read, found := read()))
        return found

    def check_unchanged(self) -> None:
        """Check that all that was read with `guard` still stands there.

        DVC hashes dependencies after a stage's command, so a mid-run edit would be recorded as what made the output.

        Raises:
            RuntimeError: It was edited.
        """
        for what, read, before in self.guards:
            if read() != before:
                raise RuntimeError(
                    f"{what} was edited while this stage ran; its output was not made by what is there now. Run again."
                )

    def check_chosen(self, stage: str, chosen: str) -> None:
        """Check that a stage that serves the whole workspace runs on the data set its parameters name.

        Raises:
            ValueError: It does not.
        """
        if self.dataset != chosen:
            raise ValueError(f"{self.parameters}: {stage}.dataset is {chosen!r}, got --dataset {self.dataset!r}")


def _form(pattern: str) -> str:
    """Regular expression of the paths of a pattern, its names as groups."""
    return re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
