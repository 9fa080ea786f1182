"""Runs of models over seeds: each trained, embedded and measured once, kept by a digest of all that decides it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray

from pipeline.ablations.code import code_digest
from pipeline.ablations.splits import Split, split_of
from pipeline.ablations.tables import Table
from pipeline.artifacts.features import Features, header_of, read_features, write_features
from pipeline.networks.runtime import RuntimeParams, start
from pipeline.reid.build import KIND, restore
from pipeline.reid.embedding import EmbedParams, embed
from pipeline.reid.params import ModelParams, load_model
from pipeline.reid.samples import ReidLoader, ReidSources, open_sources
from pipeline.reid.training import build_network, train
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_table, evaluate_test_set, leading_test_set
from pipeline.retrieval.protocols import column, find_test_sets
from pipeline.retrieval.scores import average_precision
from pipeline.retrieval.summary import Evaluated, metrics_of
from pipeline.store import params
from pipeline.store.files import digest_of, file_digest, read_csv, read_json, write_csv, write_json
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace

COLUMNS = ("draw", "path", "vehicle_id", "average_precision", "first_hit")
DIGITS = 16
"""Digits of the digest in a folder's name."""

loaded_code = functools.cache(code_digest)
"""Digest of a network's code as it was when first asked for: an edit of a file does not reach a process that has loaded
it."""


@dataclass(frozen=True)
class Run:
    """One model, trained with one seed and measured.

    Attributes:
        model: Its name.
        seed: Of the training.
        metrics: Those of the leading test set.
        queries: `(Q,)` str, which query in which draw; a query without a match in the gallery is left out.
        vehicles: `(Q,)` str, each query's vehicle.
        average_precision: `(Q,)` float64 in [0, 1].
        first_hit: `(Q,)` int64 rank of the first right image, from 1.
    """

    model: str
    seed: int
    metrics: dict[str, Any]
    queries: NDArray[np.str_]
    vehicles: NDArray[np.str_]
    average_precision: NDArray[np.float64]
    first_hit: NDArray[np.int64]

    def found_within(self, rank: int) -> NDArray[np.float64]:
        """`(Q,)` 1 for each query whose first right image is at `rank` or before, else 0."""
        return (self.first_hit <= rank).astype(np.float64)


@dataclass(frozen=True)
class Experiment:
    """What all runs on a data set share.

    Attributes:
        workspace: Where images and caches lie, and where runs are kept.
        store: The images.
        split: What is trained on and measured on.
        share: Share of the training vehicles that is held out to measure on; 0 for the test split.
        runtime: Seed of the first run, and arithmetic.
        embedding: The `embed` section of the parameters.
        evaluation: The `evaluate` section.
    """

    workspace: Workspace
    store: ImageStore
    split: Split
    share: float
    runtime: RuntimeParams
    embedding: EmbedParams
    evaluation: EvaluateParams


def open_experiment(workspace: Workspace, share: float) -> Experiment:
    """Read what all runs on the workspace's data set share.

    Args:
        workspace: Names the data set.
        share: Share of the training vehicles to hold out and measure on; 0 measures on the test split.

    Raises:
        FileNotFoundError: The images do not exist.
        ValueError: A section of the parameters is wrong, vehicles cannot be split so, or those of the test set are
            withheld.
    """
    store = ImageStore(workspace.existing("images"))
    evaluation = workspace.load("evaluate", EvaluateParams)
    split = split_of(store, share, evaluation.protocol)
    tests = find_test_sets(store, split.embedded) if split.held_out is None else []
    if tests and leading_test_set(tests, evaluation.test_set, str(store.path)).withheld:
        raise ValueError(f"{store.path}: the vehicles of its test set are withheld; measure on some held out instead")
    return Experiment(
        workspace,
        store,
        split,
        share,
        workspace.load("runtime", RuntimeParams),
        workspace.load("embed", EmbedParams),
        evaluation,
    )


def load_models(workspace: Workspace, table: Table) -> dict[str, ModelParams]:
    """Read the parameters of every model of a table, before any is trained.

    Raises:
        ValueError: Models have no entry under ``reid_models``, and the message names them; or an entry is wrong.
    """
    path = workspace.parameters
    known = params.mapping(params.read(path), path, "reid_models")
    missing = [row.model for row in table.rows if row.model not in known]
    if missing:
        raise ValueError(f"{path}: reid_models: table {table.name} needs {', '.join(missing)}, got no such entry")
    return {row.model: load_model(path, workspace.dataset, row.model) for row in table.rows}


def run_all(
    experiment: Experiment, models: dict[str, ModelParams], seeds: int, say: Callable[[str], None], *, keep: bool
) -> dict[str, list[Run]]:
    """Run every model with every seed; what a former call finished is read, what it began is gone on with.

    All models get the first seed before any gets the second, so that an early end leaves whole columns.

    Args:
        experiment: What they share.
        models: Name -> parameters.
        seeds: Trainings of each model; the first has the seed of the `runtime` section, the others follow it.
        say: Told of each run in one line.
        keep: Whether weights and features stay in the folder of each run trained now.

    Returns:
        Name -> its runs, by seed.
    """
    for values in models.values():
        loaded_code(values.network)
    runs: dict[str, list[Run]] = {model: [] for model in models}
    for seed in range(experiment.runtime.seed, experiment.runtime.seed + seeds):
        for model, values in models.items():
            started = perf_counter()
            run, reused = run_one(experiment, model, values, seed, keep=keep)
            runs[model].append(run)
            cost = "done before" if reused else f"{(perf_counter() - started) / 60:.1f} minutes"
            figures = f"mAP {run.metrics['mAP']:.3f}, rank-1 {run.found_within(1).mean():.3f}"
            done, total = sum(map(len, runs.values())), seeds * len(models)
            say(f"[{done}/{total}] {model}, seed {seed}: {figures}; {cost}")
    return runs


def run_one(
    experiment: Experiment, model: str, values: ModelParams, seed: int, *, keep: bool = False
) -> tuple[Run, bool]:
    """Train, embed and measure one model with one seed.

    The run's folder, ``.scratch/ablations/<data set>/<model>/seed<k>-<digest>``, holds ``metrics.json``,
    ``queries.csv`` and ``history.csv``; until it is measured, weights or a checkpoint too.

    Args:
        experiment: What all runs share.
        model: Its name.
        values: Its parameters.
        seed: Of everything random in it.
        keep: Whether ``weights.safetensors`` and ``features.h5`` stay.

    Returns:
        The run, and whether an earlier call had finished it.

    Raises:
        FileNotFoundError: A cache that the model reads does not exist.
        ValueError: A cache follows another table, or the test set cannot be scored.
    """
    runtime = replace(experiment.runtime, seed=seed)
    fabric = start(runtime)
    network = build_network(values, experiment.store, experiment.split.trained)
    sources = open_sources(experiment.store, experiment.workspace.existing, network.inputs)
    inputs = _inputs(experiment, values, runtime, sources, fabric)
    name = f"{model}/seed{seed}-{digest_of(inputs)[:DIGITS]}"
    folder = experiment.workspace.root / ".scratch/ablations" / experiment.workspace.dataset / name
    if (folder / "metrics.json").exists():
        return _read(folder, model, seed), True
    weights = folder / "weights.safetensors"
    if not weights.exists():
        trained = train(network, sources, experiment.split.trained, values, runtime, fabric, folder / "training")
        trained = replace(trained, metadata=trained.metadata | {"model": model})
        trained.write(weights, KIND, folder / "history.csv")
    features = _embedded(experiment, model, weights, sources, runtime, fabric)
    evaluated, metrics = _measured(experiment, features, fabric)
    if metrics["mAP"] is None:
        raise ValueError(f"{experiment.store.path}: no query has a match in the gallery; nothing can be measured")
    write_csv(folder / "queries.csv", _lines(evaluated, experiment.store, features), COLUMNS)
    write_json(folder / "metrics.json", metrics | {"model": model, "seed": seed, "inputs": inputs})
    if not keep:
        weights.unlink()
        (folder / "features.h5").unlink()
    return _read(folder, model, seed), False


def _inputs(
    experiment: Experiment, values: ModelParams, runtime: RuntimeParams, sources: ReidSources, fabric: Fabric
) -> dict[str, Any]:
    """Everything that decides a run."""
    return {
        "params": asdict(values),
        "embed": asdict(experiment.embedding),
        "evaluate": asdict(experiment.evaluation),
        "held_out": experiment.share,
        "arithmetic": {**runtime.arithmetic, "device": fabric.device.type},
        "table": experiment.store.digest,
        "makers": sources.makers,
        "code": loaded_code(values.network),
    }


def _embedded(
    experiment: Experiment, model: str, weights: Path, sources: ReidSources, runtime: RuntimeParams, fabric: Fabric
) -> Features:
    """Features of the rows to measure on, written beside the weights and read again as `evaluate` reads them."""
    network, _ = restore(weights, model)
    rows, path = experiment.split.embedded, weights.with_name("features.h5")
    load = ReidLoader(sources, network.shape.input_size, {})
    batches = embed(network, load, rows, experiment.embedding, runtime, fabric)
    header = header_of(model, network.distance, network.dimensions, experiment.store.digest, file_digest(weights))
    write_features(path, header, rows, batches, has_parts="part_masks" in network.inputs)
    return read_features(path, experiment.store.digest)[0]


def _measured(experiment: Experiment, features: Features, fabric: Fabric) -> tuple[Evaluated, dict[str, Any]]:
    """The leading test set, or that of the vehicles held out, and its metrics."""
    evaluation, test = experiment.evaluation, experiment.split.held_out
    if test is not None:
        looks = None if evaluation.alike is None else column(experiment.store, evaluation.alike, "alike")[features.rows]
        evaluated = evaluate_test_set(test, features, evaluation, fabric.device, looks)
        return evaluated, metrics_of(evaluated, evaluation.ranks, evaluation.bootstrap)
    whole = evaluate_table(experiment.store, features, evaluation, fabric.device, lambda line: None)
    return whole.leading, whole.metrics


def _lines(evaluated: Evaluated, store: ImageStore, features: Features) -> list[dict[str, object]]:
    """A line per query that has a match, draw by draw."""
    lines: list[dict[str, object]] = []
    for draw, (problem, scores) in enumerate(zip(evaluated.problems, evaluated.scores, strict=True)):
        rows = features.rows[problem.queries[scores.counted]]
        for row, precision, first in zip(rows, average_precision(scores), scores.first, strict=True):
            line = {"draw": draw, "path": store.paths[row], "vehicle_id": store.vehicle_ids[row]}
            lines.append({**line, "average_precision": float(precision), "first_hit": int(first)})
    return lines


def _read(folder: Path, model: str, seed: int) -> Run:
    lines = read_csv(folder / "queries.csv")

    def cells(name: str) -> Sequence[str]:
        return [line[name] for line in lines]

    return Run(
        model,
        seed,
        read_json(folder / "metrics.json"),
        np.array([f"{line['draw']} {line['path']}" for line in lines]),
        np.array(cells("vehicle_id")),
        np.array(cells("average_precision"), np.float64),
        np.array(cells("first_hit"), np.int64),
    )
