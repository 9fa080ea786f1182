"""Trains re-ID models with several seeds and prints mean and deviation of their figures.

Example:
    python -m benchmarks.seeds --dataset synthetic --models baseline,pgan,span_cpdm --seeds 3

measures on queries and gallery. With `--held-out 0.3` that share of the *training* vehicles is kept from training and
measured on instead, which is how to choose values without ever looking at the test split.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.networks import runtime
from pipeline.networks.runtime import generator_of
from pipeline.reid import build as reid
from pipeline.reid.embedding import EmbedParams, embed
from pipeline.reid.samples import open_sources
from pipeline.reid.training import ReidTraining, classes_of, train, training_rows
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_test_set, leading_test_set
from pipeline.retrieval.protocols import TestSet, drawn_gallery, find_test_sets, protocol_of
from pipeline.retrieval.summary import metrics_of
from pipeline.store import params
from pipeline.store.images import ImageStore
from stages.command import PATH, stage


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
    roles = np.full(len(tested), "drawn")
    if protocol_of(evaluation.protocol)[0] is not drawn_gallery:
        seen_by = np.char.add(np.char.add(store.vehicle_ids[tested], " "), store.camera_ids[tested])
        roles[:] = "gallery"
        roles[np.unique(seen_by, return_index=True)[1]] = "query"
    columns = (roles, store.vehicle_ids[tested], store.camera_ids[tested])
    return Split(rows[~away], tested, TestSet("held out", np.arange(len(tested)), *columns))


def measure(
    store: ImageStore,
    caches: dict[str, Path],
    model: str,
    values: ReidTraining,
    how: runtime.Runtime,
    split: Split,
    batch_size: int,
    evaluation: EvaluateParams,
) -> tuple[dict[str, Any], float]:
    """Train, embed and evaluate one model: its metrics and the seconds its training took."""
    fabric = runtime.start(how)
    network = reid.build(model, values.network, len(classes_of(store, split.trained)))
    sources = open_sources(store, caches, network.inputs)
    started = time.perf_counter()
    train(network, sources, split.trained, values, how, fabric)
    seconds = time.perf_counter() - started
    blocks = list(embed(network, sources, split.embedded, values.input_size, batch_size, how, fabric))
    vectors, ratios = (np.concatenate(part) for part in zip(*blocks, strict=True))
    features = Features(split.embedded, vectors, ratios, network.distance, network.dimensions)
    evaluated = evaluate_test_set(split.test, features, evaluation, fabric.device)
    return metrics_of(evaluated, evaluation.ranks, evaluation.bootstrap), seconds


@stage
@click.option("--dataset", required=True, help="Name of the data set.")
@click.option("--models", required=True, help="Names of the models, with commas.")
@click.option("--seeds", type=int, default=3, show_default=True, help="Trainings of each model.")
@click.option("--held-out", type=float, default=0.0, help="Share of training vehicles to measure on; 0: test split.")
@click.option("--data", type=PATH, default=Path("data"), show_default=True, help="Folder of images and caches.")
def main(params_path: Path, dataset: str, models: str, seeds: int, held_out: float, data: Path) -> None:
    """Measure and print one line a model."""
    store = ImageStore(data / "images" / f"{dataset}.h5")
    caches = {kind: data / kind / f"{dataset}.h5" for kind in ("parts", "part_masks")}
    how = params.load(params_path, "runtime", runtime.Runtime)
    batch_size = params.load(params_path, "embed", EmbedParams, dataset=dataset).batch_size
    evaluation = params.load(params_path, "evaluate", EvaluateParams, dataset=dataset)
    split = _split(store, held_out, evaluation)
    click.echo(f"{'model':14} {'mAP':>15} {'rank-1':>15} {'seconds':>8}   mAP of each seed")
    for model in models.split(","):
        values = params.load(params_path, "train_reid", ReidTraining, dataset=dataset, variant=f"reid_models.{model}")
        runs = [
            measure(store, caches, model, values, replace(how, seed=how.seed + seed), split, batch_size, evaluation)
            for seed in range(seeds)
        ]
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
