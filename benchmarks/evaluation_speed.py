"""Times exact evaluation at VeRi-776's size against FastReID's compiled one, and CPDM against Euclidean distances.

All ways are timed in turns in one run; medians and ratios are printed. FastReID's is optional: build its
``fastreid/evaluation/rank_cylib`` (github.com/JDAI-CV/fast-reid, needs Cython: ``python setup.py build_ext --inplace``)
and give that folder as `--fastreid`.
"""

import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.retrieval_problem import DIMENSIONS, generate
from pipeline.artifacts.features import Features
from pipeline.retrieval.blocks import distance_blocks, rank_problem
from pipeline.retrieval.problems import Problem
from pipeline.retrieval.scores import Scores, summarise

SIZE = {"queries": 1678, "gallery": 11_579, "vehicles": 200, "cameras": 20}
NOISES = {"easy": 2.2, "hard": 3.2}
"""An mAP of about 0.87 and of about 0.20: the fewer images lie before a query's last match, the less is ordered."""

CPU = torch.device("cpu")
MEGABYTES = 256
RANKS = (1, 5, 10, 20)

Work = Callable[[], Any]


def measure(works: dict[str, Work], rounds: int) -> dict[str, float]:
    """Median seconds of each, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def distances_of(features: Features, problem: Problem) -> Iterator[np.ndarray[Any, Any]]:
    """All distances, in blocks."""
    return distance_blocks(features, problem.queries, problem.gallery, MEGABYTES, CPU)


def score(blocks: Iterable[np.ndarray[Any, Any]], problem: Problem, nearest: int = 0) -> dict[str, Any]:
    """Metrics of distances, which are overwritten."""
    ranks = rank_problem(iter(blocks), problem, nearest)
    return summarise(Scores(ranks.ranks, ranks.counts, ranks.junk, len(problem.gallery)), RANKS)


def evaluate(features: Features, problem: Problem, nearest: int = 0) -> dict[str, Any]:
    """Metrics of features, from the distances on."""
    return score(distances_of(features, problem), problem, nearest)


def ranking_works(features: Features, problem: Problem, rank_cy: Any) -> dict[str, Work]:
    """Ways to rank and score one problem; those named "rank" start from distances made beforehand."""
    values = torch.from_numpy(features.features)
    queries, gallery = values[: len(problem.queries)], values[len(problem.queries) :]
    made = np.concatenate([block.copy() for block in distances_of(features, problem)])
    copy = made.copy()

    def fastreid(distances: np.ndarray[Any, Any]) -> Any:
        codes = (problem.query_vehicles, problem.gallery_vehicles, problem.query_cameras, problem.gallery_cameras)
        return rank_cy.evaluate_cy(distances, *codes, 50)

    works: dict[str, Work] = {
        "product": lambda: queries @ gallery.T,
        "product and a pass": lambda: (queries @ gallery.T).clamp_(min=0),
        "restore distances": lambda: np.copyto(copy, made),
        "ours, rank": lambda: score([copy], problem),
        "restore distances again": lambda: np.copyto(copy, made),
        "ours, rank, first 100 kept": lambda: score([copy], problem, 100),
        "ours, whole": partial(evaluate, features, problem),
        "ours, whole, first 100 kept": partial(evaluate, features, problem, 100),
    }
    if rank_cy is not None:
        works["FastReID, rank"] = lambda: fastreid(made)
        works["FastReID, whole"] = lambda: fastreid((1 - torch.mm(queries, gallery.T)).numpy())
    return works


def print_ranking(difficulty: str, rank_cy: Any, rounds: int) -> None:
    """Time one difficulty and print its table and ratios."""
    features, problem = generate(**SIZE, dimensions=(512,), noise=NOISES[difficulty])
    precision = evaluate(features, problem)["mAP"]
    seconds = measure(ranking_works(features, problem, rank_cy), rounds)
    click.echo(f"\n{difficulty}: 1,678 x 11,579, 512 dimensions, mAP {precision:.3f}")
    for name, value in seconds.items():
        if "restore" not in name:
            click.echo(f"  {name:28s} {1000 * value:8.1f} ms")
    if rank_cy is not None:
        click.echo(f"  ranking: {seconds['FastReID, rank'] / seconds['ours, rank']:.1f} times as fast as FastReID")
        click.echo(f"  whole:   {seconds['FastReID, whole'] / seconds['ours, whole']:.1f} times as fast as FastReID")
    click.echo(f"  whole over product and a pass: {seconds['ours, whole'] / seconds['product and a pass']:.2f}")


def print_cpdm(rounds: int) -> None:
    """Time CPDM beside Euclidean distances, of 2,560 and of 512 dimensions."""
    problems = {
        "Euclidean, 512": generate(**SIZE, dimensions=(512,), noise=2.2),
        "Euclidean, 2,560": generate(**SIZE, dimensions=(2560,), noise=4.9),
        "CPDM, 2,560": generate(**SIZE, dimensions=DIMENSIONS, noise=4.9),
    }
    works: dict[str, Work] = {name: partial(evaluate, *problem) for name, problem in problems.items()}
    seconds = measure(works, rounds)
    click.echo("\nwhole evaluation, 1,678 x 11,579")
    for name, value in seconds.items():
        click.echo(f"  {name:28s} {1000 * value:8.1f} ms  {seconds['CPDM, 2,560'] / value:5.2f} times is CPDM's")


@click.command(help=__doc__)
@click.option("--fastreid", type=click.Path(path_type=Path), help="Folder of FastReID's built rank_cy.")
@click.option("--rounds", default=7, show_default=True, help="Turns of each; medians are printed.")
@click.option("--threads", default=2, show_default=True, help="CPU threads.")
def main(fastreid: Path | None, rounds: int, threads: int) -> None:
    """Print the tables."""
    torch.set_num_threads(threads)
    rank_cy = None
    if fastreid is not None:
        sys.path.insert(0, str(fastreid))
        rank_cy = importlib.import_module("rank_cy")
    click.echo(f"{threads} threads, medians of {rounds} turns")
    for difficulty in NOISES:
        print_ranking(difficulty, rank_cy, rounds)
    print_cpdm(max(1, rounds // 2))


if __name__ == "__main__":
    main()
