"""Trains re-ID models with several seeds and prints mean and deviation of their figures.

Example:
    python -m benchmarks.seeds --dataset synthetic --models baseline,pgan,span_cpdm --seeds 3

measures on queries and gallery. With `--held-out 0.3` that share of the *training* vehicles is kept from training and
measured on instead, which is how to choose values without ever looking at the test split.
"""

import time
from dataclasses import replace
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.networks.runtime import RuntimeParams, generator_of, start
from pipeline.reid.embedding import EmbedParams, embed
from pipeline.reid.params import ModelParams, load_model
from pipeline.reid.samples import ReidLoader, open_sources
from pipeline.reid.training import build_network, train, training_rows
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_test_set, leading_test_set
from pipeline.retrieval.protocols import TestSet, drawn_gallery, find_test_sets, protocol_of
from pipeline.retrieval.summary import metrics_of
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from stages.command import dataset_option, stage


class Split(NamedTuple):
    """What is trained on and measured on.

    Attributes:
        trained: Rows to train on.
        embedded: Rows to embed.
        test: The test set made of the latter.
    """

    trained: NDArray[np.int64]
    embedded: NDArray[np.int64]
    test: TestSet


def held_out(store: ImageStore, share: float, evaluation: EvaluateParams) -> Split:
    """Split the training vehicles, without a look at the test split.

    The first image of every held-out vehicle in each camera is a query, the others are the gallery; where the
    protocol draws its gallery, it draws here too.
    """
    rows = training_rows(store)
    vehicles = np.unique(store.vehicle_ids[rows])
    chosen = generator_of(0).permutation(vehicles)[: round(share * len(vehicles))]
    away = np.isin(store.vehicle_ids[rows], chosen)
    tested = rows[away]
    drawn = protocol_of(evaluation.protocol).rule is drawn_gallery
    roles = np.full(len(tested), "drawn" if drawn else "gallery")
    if not drawn:
        seen_by = np.char.add(np.char.add(store.vehicle_ids[tested], " "), store.camera_ids[tested])
        roles[np.unique(seen_by, return_index=True)[1]] = "query"
    columns = (roles, store.vehicle_ids[tested], store.camera_ids[tested])
    return Split(rows[~away], tested, TestSet("held out", np.arange(len(tested)), *columns))


class Experiment(NamedTuple):
    """What all trainings share.

    Attributes:
        workspace: Where images and caches lie.
        store: The images.
        split: What is trained on and measured on.
        embedding: The `embed` section of the parameters.
        evaluation: The `evaluate` section.
    """

    workspace: Workspace
    store: ImageStore
    split: Split
    embedding: EmbedParams
    evaluation: EvaluateParams


def measure(experiment: Experiment, params: ModelParams, runtime: RuntimeParams) -> tuple[dict[str, Any], float]:
    """Train, embed and evaluate one model: its metrics and the seconds its training took."""
    workspace, store, split, embedding, evaluation = experiment
    fabric = start(runtime)
    network = build_network(params, store, split.trained)
    sources = open_sources(store, workspace.existing, network.inputs)
    started = time.perf_counter()
    train(network, sources, split.trained, params, runtime, fabric)
    seconds = time.perf_counter() - started
    load = ReidLoader(sources, network.shape.input_size, {})
    blocks = list(embed(network, load, split.embedded, embedding, runtime, fabric))
    vectors, ratios = (np.concatenate(part) for part in zip(*blocks, strict=True))
    features = Features(split.embedded, vectors, ratios, network.distance, network.dimensions)
    evaluated = evaluate_test_set(split.test, features, evaluation, fabric.device)
    return metrics_of(evaluated, evaluation.ranks, evaluation.bootstrap), seconds


@stage
@dataset_option
@click.option("--models", required=True, help="Names of the models, with commas.")
@click.option("--seeds", type=int, default=3, show_default=True, help="Trainings of each model.")
@click.option("--held-out", type=float, default=0.0, help="Share of training vehicles to measure on; 0: test split.")
def main(workspace: Workspace, models: str, seeds: int, held_out: float) -> None:
    """Train re-ID models with several seeds and print mean and deviation of their figures, a line per model."""
    store = ImageStore(workspace.existing("images"))
    runtime = workspace.load("runtime", RuntimeParams)
    embedding, evaluation = workspace.load("embed", EmbedParams), workspace.load("evaluate", EvaluateParams)
    experiment = Experiment(workspace, store, _split(store, held_out, evaluation), embedding, evaluation)
    click.echo(f"{'model':14} {'mAP':>15} {'rank-1':>15} {'seconds':>8}   mAP of each seed")
    for model in models.split(","):
        params = load_model(workspace.parameters, workspace.dataset, model)
        runs = [measure(experiment, params, replace(runtime, seed=runtime.seed + seed)) for seed in range(seeds)]
        precision = [metrics["mAP"] for metrics, _ in runs]
        first = [metrics["CMC"]["1"] for metrics, _ in runs]
        seconds = np.mean([taken for _, taken in runs])
        each = " ".join(f"{value:.3f}" for value in precision)
        click.echo(f"{model:14} {_spread(precision):>15} {_spread(first):>15} {seconds:8.0f}   {each}")


def _split(store: ImageStore, share: float, evaluation: EvaluateParams) -> Split:
    if share:
        return held_out(store, share, evaluation)
    tested = store.test_rows()
    test = leading_test_set(find_test_sets(store, tested), evaluation.test_set, str(store.path))
    return Split(training_rows(store), tested, test)


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} +- {np.std(values, ddof=1) if len(values) > 1 else 0:.3f}"


if __name__ == "__main__":
    main()
