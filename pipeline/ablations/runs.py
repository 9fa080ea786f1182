"""Runs of models over seeds: each trained, embedded and measured once, kept by a digest of all that decides it."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.ablations.code import of_network
from pipeline.ablations.contents import content_of, content_of_pretrained
from pipeline.ablations.experiment import Experiment
from pipeline.artifacts.features import Features, header_of, read_features, write_features
from pipeline.networks.runtime import start
from pipeline.networks.weights import load_metadata
from pipeline.reid.build import KIND, restore
from pipeline.reid.embedding import embed
from pipeline.reid.params import ModelParams
from pipeline.reid.samples import ReidLoader, ReidSources, open_sources
from pipeline.reid.training import build_network, train
from pipeline.retrieval.evaluation import evaluate_table, evaluate_test_set, looks_of
from pipeline.retrieval.scores import average_precision
from pipeline.retrieval.summary import Evaluated, metrics_of
from pipeline.store.code import loaded_code
from pipeline.store.files import (
    DamagedFileError,
    digest_of,
    file_digest,
    read_csv,
    read_json,
    set_aside,
    write_csv,
    write_json,
)
from pipeline.store.images import ImageStore
from pipeline.store.runtime import RuntimeParams

COLUMNS = ("draw", "path", "vehicle_id", "average_precision", "first_hit")
MEASURED = ("metrics.json", "queries.csv")
"""Files of a finished run."""
DIGITS = 16
"""Digits of the digest in a folder's name."""

RUNS = ".scratch/ablations"
"""Folder of finished runs: ``<data set>/<model>/seed<k>-<digest>``."""


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
        seconds: What it took; None where it was gone on with after an interruption.
    """

    model: str
    seed: int
    metrics: dict[str, Any]
    queries: NDArray[np.str_]
    vehicles: NDArray[np.str_]
    average_precision: NDArray[np.float64]
    first_hit: NDArray[np.int64]
    seconds: float | None = None

    def found_within(self, rank: int) -> NDArray[np.float64]:
        """`(Q,)` 1 for each query whose first right image is at `rank` or before, else 0."""
        return (self.first_hit <= rank).astype(np.float64)


def caches_of(experiment: Experiment, kinds: Sequence[str], masks: Path | None) -> dict[str, Path]:
    """Caches that a model reads beside the images: kind -> file.

    Args:
        experiment: Says where the workspace's own lie.
        kinds: Which, as `ReidNetwork.inputs`.
        masks: Part masks to read in place of the workspace's; None for those.

    Raises:
        FileNotFoundError: One of the workspace's does not exist.
    """
    own = {} if masks is None else {"part_masks": masks}
    return {kind: own.get(kind) or experiment.workspace.existing(kind) for kind in kinds}


def inputs_of(experiment: Experiment, values: ModelParams, caches: Mapping[str, Path], seed: int) -> dict[str, Any]:
    """Everything that decides a run, files by their content.

    Args:
        experiment: What all runs share.
        values: The model's parameters.
        caches: From `caches_of`.
        seed: Of the training.

    Raises:
        FileNotFoundError: A cache, or the file of pretrained weights, does not exist.
    """
    return {
        "params": asdict(values),
        "pretrained": content_of_pretrained(values.training.pretrained),
        "embed": asdict(experiment.embedding),
        "evaluate": asdict(experiment.evaluation),
        "held_out": experiment.share,
        "arithmetic": {**replace(experiment.runtime, seed=seed).arithmetic, "device": experiment.device},
        "table": experiment.store.digest,
        "caches": {kind: content_of(path) for kind, path in caches.items()},
        "code": loaded_code(of_network(values.network)),
    }


def folder_of(experiment: Experiment, model: str, seed: int, inputs: Mapping[str, Any]) -> Path:
    """Where a run lies, or will; it is finished once ``metrics.json`` is there."""
    name = f"{model}/seed{seed}-{digest_of(inputs)[:DIGITS]}"
    return experiment.workspace.root / RUNS / experiment.workspace.dataset / name


def run_one(
    experiment: Experiment,
    model: str,
    values: ModelParams,
    seed: int,
    *,
    masks: Path | None = None,
    keep: bool = False,
) -> tuple[Run, bool]:
    """Train, embed and measure one model with one seed.

    The run's folder, ``.scratch/ablations/<data set>/<model>/seed<k>-<digest>``, holds ``metrics.json``,
    ``queries.csv`` and ``history.csv``; until it is measured, weights or a checkpoint too. What of it is damaged is set
    aside with a word on standard error, and made again.

    Args:
        experiment: What all runs share.
        model: Its name.
        values: Its parameters.
        seed: Of everything random in it.
        masks: Part masks it reads in place of the workspace's; None for those.
        keep: Whether ``weights.safetensors`` and ``features.h5`` stay.

    Returns:
        The run, and whether an earlier call had finished it.

    Raises:
        FileNotFoundError: A cache that the model reads does not exist.
        ValueError: A cache follows another table, or the test set cannot be scored.
    """
    started = perf_counter()
    runtime = replace(experiment.runtime, seed=seed)
    fabric = start(runtime)
    network = build_network(values, experiment.store, experiment.split.trained)
    caches = caches_of(experiment, network.inputs, masks)
    sources = open_sources(experiment.store, caches.__getitem__, network.inputs)
    inputs = inputs_of(experiment, values, caches, seed)
    folder = folder_of(experiment, model, seed, inputs)
    if (finished := _finished(folder, model, seed)) is not None:
        return finished, True
    fresh, weights = not folder.exists(), folder / "weights.safetensors"
    if not _are_whole(weights):
        trained = train(network, sources, experiment.split.trained, values, runtime, fabric, folder / "training")
        trained = replace(trained, metadata=trained.metadata | {"model": model})
        trained.write(weights, KIND, folder / "history.csv")
        shutil.rmtree(folder / "training", ignore_errors=True)
    features = _embedded(experiment, model, weights, sources, runtime, fabric)
    evaluated, metrics = _measured(experiment, features, fabric)
    if metrics["mAP"] is None:
        raise ValueError(f"{experiment.store.path}: no query has a match in the gallery; nothing can be measured")
    write_csv(folder / MEASURED[1], _lines(evaluated, experiment.store, features), COLUMNS)
    named = {"dataset": experiment.workspace.dataset, "model": model, "seed": seed}
    facts = {**named, "inputs": inputs, "seconds": perf_counter() - started if fresh else None}
    write_json(folder / MEASURED[0], metrics | facts)
    if not keep:
        weights.unlink()
        (folder / "features.h5").unlink()
    return _read(folder, model, seed), False


def _embedded(
    experiment: Experiment, model: str, weights: Path, sources: ReidSources, runtime: RuntimeParams, fabric: Fabric
) -> Features:
    """Features of the rows to measure on, written beside the weights and read again as `evaluate` reads them."""
    network, _ = restore(weights, model)
    rows, path = experiment.split.embedded, weights.with_name("features.h5")
    load = ReidLoader(sources, network.shape.input_size, {})
    blocks = embed(network, load, rows, experiment.embedding, runtime, fabric)
    batches = ((block["features"], block["area_ratios"]) for block in blocks)
    about = model, network.distance, network.dimensions, experiment.store.digest, file_digest(weights)
    header = header_of(*about, mirrored_too=experiment.embedding.mirrored_too)
    write_features(path, header, rows, batches, ratio_count=network.ratio_count)
    return read_features(path, experiment.store.digest)[0]


def _measured(experiment: Experiment, features: Features, fabric: Fabric) -> tuple[Evaluated, dict[str, Any]]:
    """The leading test set, or that of the vehicles held out, and its metrics."""
    evaluation, test = experiment.evaluation, experiment.split.held_out
    if test is not None:
        looks = looks_of(experiment.store, features, evaluation)
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


def is_finished(folder: Path) -> bool:
    """Whether a run's folder, which need not exist, holds all that is kept of a finished run, undamaged."""
    try:
        _read(folder, "", 0)
    except (FileNotFoundError, DamagedFileError):
        return False
    return True


def _finished(folder: Path, model: str, seed: int) -> Run | None:
    """A finished run, None where there is none or a damaged one, which is set aside."""
    if not (folder / MEASURED[0]).exists():
        return None
    try:
        return _read(folder, model, seed)
    except (FileNotFoundError, DamagedFileError) as error:
        kept = [set_aside(folder / name).name for name in MEASURED if (folder / name).exists()]
        tqdm.write(f"{error}\nIts run was set aside as {' and '.join(kept)}, and is made again.", file=sys.stderr)
        return None


def _are_whole(weights: Path) -> bool:
    """Whether a training has left its weights; damaged ones are set aside."""
    if not weights.exists():
        return False
    try:
        load_metadata(weights, KIND)
    except (OSError, ValueError) as error:
        kept = set_aside(weights)
        tqdm.write(f"{error}\nIt was set aside as {kept.name}; the model is trained again.", file=sys.stderr)
        return False
    return True


def _read(folder: Path, model: str, seed: int) -> Run:
    """What is kept of a finished run.

    Raises:
        FileNotFoundError: A file is missing.
        DamagedFileError: One is not what was written.
    """
    metrics, lines = read_json(folder / MEASURED[0], "mAP", "seconds"), read_csv(folder / MEASURED[1], *COLUMNS)
    seconds = metrics.pop("seconds")
    try:
        precision = np.array([line["average_precision"] for line in lines], np.float64)
        first_hit = np.array([line["first_hit"] for line in lines], np.int64)
    except ValueError as error:
        raise DamagedFileError(f"{folder / MEASURED[1]}: expected numbers ({error})") from error
    queries = np.array([f"{line['draw']} {line['path']}" for line in lines])
    vehicles = np.array([line["vehicle_id"] for line in lines])
    return Run(model, seed, metrics, queries, vehicles, precision, first_hit, seconds)
