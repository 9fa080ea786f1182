"""The steps to a table: every row with every seed, its own part masks first where it has any."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from pipeline.ablations.code import MASKS, of_network
from pipeline.ablations.experiment import Experiment
from pipeline.ablations.masks import OwnMasks, own_masks
from pipeline.ablations.rows import Row, Table
from pipeline.ablations.runs import Run, caches_of, folder_of, inputs_of, run_one
from pipeline.reid.params import ModelParams, model_of
from pipeline.store import params
from pipeline.store.code import loaded_code
from pipeline.store.places import Workspace


@dataclass(frozen=True)
class Step:
    """One row with one seed.

    Attributes:
        row: The row.
        seed: Of everything random in it.
        values: Parameters of its model.
        masks: Part masks it makes for itself; None where it reads the workspace's, or none.
    """

    row: Row
    seed: int
    values: ModelParams
    masks: OwnMasks | None

    @property
    def own_file(self) -> Path | None:
        """File of its own part masks."""
        return None if self.masks is None else self.masks.path


@dataclass(frozen=True)
class Finished:
    """What a table's steps leave.

    Attributes:
        runs: Label of a row -> its runs, by seed.
        masks: Label of a row that has part masks of its own -> their files, by seed.
    """

    runs: dict[str, list[Run]]
    masks: dict[str, list[Path]]


def steps_of(experiment: Experiment, table: Table, document: Mapping[str, Any], seeds: int) -> list[Step]:
    """List a table's steps and check the parameters of all of them, before anything is trained.

    All rows get the first seed before any gets the second, so that an early end leaves whole columns.

    Args:
        experiment: What all runs share.
        table: The table.
        document: The parsed parameter file.
        seeds: Trainings of each row; the first has the seed of the `runtime` section, the others follow it.

    Raises:
        FileNotFoundError: What a row's own SPAN is trained on does not exist.
        ValueError: A model has no entry, or a value is unknown, missing or wrong.
    """
    workspace = experiment.workspace
    models = _models(workspace, table, document)
    found = []
    for seed in range(experiment.runtime.seed, experiment.runtime.seed + seeds):
        runtime = replace(experiment.runtime, seed=seed)
        for row in table.rows:
            masks = None
            if row.upstream:
                masks = own_masks(workspace, document, row.upstream, experiment.held_out, runtime, experiment.device)
            found.append(Step(row, seed, models[row.model], masks))
    return found


def _models(workspace: Workspace, table: Table, document: Mapping[str, Any]) -> dict[str, ModelParams]:
    """Parameters of every model of a table."""
    path = workspace.parameters
    known = params.mapping(document, path, "reid_models")
    missing = [row.model for row in table.rows if row.model not in known]
    if missing:
        raise ValueError(f"{path}: reid_models: table {table.name} needs {', '.join(missing)}, got no such entry")
    return {row.model: model_of(document, path, workspace.dataset, row.model) for row in table.rows}


def run_all(experiment: Experiment, steps: Sequence[Step], say: Callable[[str], None], *, keep: bool) -> Finished:
    """Take every step; what a former call finished is read, what it began is gone on with.

    Args:
        experiment: What they share.
        steps: From `steps_of`.
        say: Told of each step in one line.
        keep: Whether weights and features stay in the folder of each run trained now.
    """
    for step in steps:
        loaded_code(of_network(step.values.network))
    loaded_code(MASKS)
    finished = Finished({}, {})
    for number, step in enumerate(steps, 1):
        started, made = perf_counter(), step.masks is not None and not step.masks.done
        if step.masks is not None:
            if made:
                step.masks.make()
            finished.masks.setdefault(step.row.label, []).append(step.masks.path)
        run, reused = run_one(experiment, step.row.model, step.values, step.seed, masks=step.own_file, keep=keep)
        finished.runs.setdefault(step.row.label, []).append(run)
        cost = "done before" if reused and not made else f"{(perf_counter() - started) / 60:.1f} minutes"
        figures = f"mAP {run.metrics['mAP']:.3f}, rank-1 {run.found_within(1).mean():.3f}"
        say(f"[{number}/{len(steps)}] {step.row.name}, seed {step.seed}: {figures}; {cost}")
    return finished


def folder_of_step(experiment: Experiment, step: Step, kinds: Sequence[str]) -> Path | None:
    """Where a step's run lies, or will; None as long as its own part masks, which decide it too, are not made.

    Args:
        experiment: What all runs share.
        step: The step.
        kinds: Caches that its model reads, as `ReidNetwork.inputs`.

    Raises:
        FileNotFoundError: A cache of the workspace that the model reads does not exist.
    """
    if step.masks is not None and not step.masks.done:
        return None
    inputs = inputs_of(experiment, step.values, caches_of(experiment, kinds, step.own_file), step.seed)
    return folder_of(experiment, step.row.model, step.seed, inputs)
