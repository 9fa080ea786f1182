"""What is done of a table and what is left, with the time it will take by what finished runs took."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.ablations.experiment import Experiment
from pipeline.ablations.masks import FOLDER
from pipeline.ablations.rows import Table
from pipeline.ablations.runs import RUNS, is_finished
from pipeline.ablations.steps import Step, folder_of_step
from pipeline.reid.training import build_network
from pipeline.store.files import DamagedFileError, read_json

DONE, PART, MISSING = "done", "masks", "-"
"""A step whose run is finished; one that has part masks of its own but no run; one that has neither."""


@dataclass
class Left:
    """What is left to do, each thing once however many rows need it.

    Attributes:
        masks: Folders of part masks to make.
        runs: What tells runs to make apart -> their model.
    """

    masks: set[Path] = field(default_factory=set)
    runs: dict[tuple[str, Path], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Costs:
    """Mean seconds of what is finished on a data set.

    Attributes:
        by_model: Model -> of its runs.
        masks: Of a SPAN and its part masks; None where none is finished.
    """

    by_model: dict[str, float]
    masks: float | None

    def of_runs(self, left: Left) -> float | None:
        """Seconds that the runs left will take; None where no run is finished.

        A model without finished runs is taken to cost what the others do on average.
        """
        if not self.by_model:
            return None
        others = float(np.mean(list(self.by_model.values())))
        return sum(self.by_model.get(model, others) for model in left.runs.values())


def costs_of(root: Path, dataset: str) -> Costs:
    """Read what finished runs and part masks of a data set took.

    Args:
        root: The workspace's folder.
        dataset: Name of the data set.
    """
    models = {folder.name: _mean(folder.glob("*/metrics.json")) for folder in (root / RUNS / dataset).glob("*")}
    known = {model: seconds for model, seconds in models.items() if seconds is not None}
    return Costs(known, _mean((root / FOLDER / dataset).glob("*/made.json")))


def _mean(files: Iterable[Path]) -> float | None:
    """Mean of ``seconds`` in files that have it; damaged ones, of what is made again, are passed by."""
    found = []
    for file in files:
        with contextlib.suppress(DamagedFileError):
            found += [seconds for seconds in [read_json(file).get("seconds")] if seconds is not None]
    return float(np.mean(found)) if found else None


def plan_lines(experiment: Experiment, table: Table, steps: Sequence[Step], left: Left) -> list[str]:
    """A table's rows and seeds, each step done or not.

    Args:
        experiment: What all runs share.
        table: The table.
        steps: Its steps, from `pipeline.ablations.steps.steps_of`.
        left: Gains what is left of them.

    Raises:
        FileNotFoundError: A cache of the workspace that a model reads does not exist.
    """
    where = f"{100 * experiment.share:g} % of the training vehicles" if experiment.share else "the test split"
    seeds = list(dict.fromkeys(step.seed for step in steps))
    width = max(len(row.label) for row in table.rows)
    models = {step.row.model: step.values for step in steps}
    rows = experiment.split.trained
    kinds = {model: build_network(values, experiment.store, rows).inputs for model, values in models.items()}
    states = {(step.row.label, step.seed): _state(experiment, step, kinds[step.row.model], left) for step in steps}
    lines = [f"{table.name}: {table.title}; measured on {where}"]
    lines += [f"  {'seed':{width}}  " + "  ".join(f"{seed:>5}" for seed in seeds)]
    for row in table.rows:
        lines.append(f"  {row.label:{width}}  " + "  ".join(f"{states[row.label, seed]:>5}" for seed in seeds))
    return lines


def _state(experiment: Experiment, step: Step, kinds: Sequence[str], left: Left) -> str:
    folder = folder_of_step(experiment, step, kinds)
    if folder is not None and is_finished(folder):
        return DONE
    if folder is None:
        assert step.masks is not None, "only a row's own part masks can be missing"
        left.masks.add(step.masks.folder)
        folder = step.masks.folder
    left.runs[step.row.model, folder] = step.row.model
    return PART if step.masks is not None and step.masks.done else MISSING


def left_line(left: Left, costs: Costs) -> str:
    """What is left in all, and about how long it will take."""
    if not left.runs:
        return "nothing is left to run"
    parts = [f"{len(left.runs)} runs, {_duration(costs.of_runs(left))}"]
    if left.masks:
        seconds = None if costs.masks is None else len(left.masks) * costs.masks
        parts.append(f"{len(left.masks)} SPANs with their part masks, {_duration(seconds)}")
    return f"left: {'; '.join(parts)}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "none of which is finished to say how long"
    return f"about {seconds / 3600:.1f} hours" if seconds >= 5400 else f"about {max(1, round(seconds / 60))} minutes"
