"""Time and memory of complete exact evaluation at VERI-Wild's size and below, and of re-ranking.

Each case runs in a process of its own; the memory printed is the greatest the process ever held beyond what it held
with the features in place, before evaluation began. `--chart` draws time and memory against the gallery's size.
"""

import resource
import time
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import torch

from benchmarks.retrieval_problem import DIMENSIONS, generate
from pipeline.report.charts import Series, axis, line_chart
from pipeline.report.page import TEMPLATES as REPORT_TEMPLATES
from pipeline.retrieval.blocks import distance_blocks, rank_problem
from pipeline.retrieval.reranking import RerankParams, announced_memory, reranked_blocks
from pipeline.retrieval.scores import Scores, summarise
from pipeline.store.pages import environment

GALLERIES = (16_064, 32_129, 64_258, 128_517)
"""Eighths, quarter, half and all of VERI-Wild's large gallery."""

QUERIES = 10_000
VEHICLES = 10_000
CAMERAS = 174
MEGABYTES = 256
FEATURES = {"euclidean": (512,), "cpdm": DIMENSIONS}
NOISES = {"euclidean": 2.0, "cpdm": 1.9}
"""An mAP of about 0.8 at full size, near that of published models."""
TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Cost:
    """What one evaluation took.

    Attributes:
        seconds: Wall time, from features to metrics.
        gigabytes: Greatest memory beyond the features'.
        precision: Its mAP.
    """

    seconds: float
    gigabytes: float
    precision: float


def held() -> float:
    """Memory this process holds, in gigabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e9


def evaluate(distance: str, queries: int, gallery: int, rerank: RerankParams | None, threads: int) -> Cost:
    """Generate a problem, evaluate it with its first 100 neighbours kept, and say what that took."""
    torch.set_num_threads(threads)
    vehicles = max(1, VEHICLES * gallery // GALLERIES[-1])
    features, problem = generate(queries, gallery, vehicles, CAMERAS, FEATURES[distance], NOISES[distance])
    before, start = held(), time.perf_counter()
    sides = (features, problem.queries, problem.gallery)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    blocks = (
        distance_blocks(*sides, MEGABYTES, device)
        if rerank is None
        else reranked_blocks(*sides, rerank, MEGABYTES, device)
    )
    ranks = rank_problem(blocks, problem, 100)
    metrics = summarise(Scores(ranks.ranks, ranks.counts, ranks.junk, gallery), (1, 5, 10, 20))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return Cost(seconds, peak - before, metrics["mAP"])


def apart(distance: str, queries: int, gallery: int, rerank: RerankParams | None, threads: int) -> Cost:
    """`evaluate` in a fresh process, whose greatest memory is its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(evaluate, (distance, queries, gallery, rerank, threads))


def write_chart(path: Path, costs: dict[str, list[Cost]]) -> None:
    """Draw seconds against the gallery's size as an SVG file of its own."""
    sizes = [gallery / 1000 for gallery in GALLERIES]
    series = [Series(name, sizes, [cost.seconds for cost in found]) for name, found in costs.items()]
    highest = [cost.seconds for found in costs.values() for cost in found]
    chart = line_chart(
        series,
        axis("gallery, thousand images", sizes),
        axis("seconds, 10,000 queries", highest),
        "Time of a complete evaluation against the size of the gallery",
    )
    template = environment(TEMPLATES, REPORT_TEMPLATES).get_template("chart.svg")
    path.write_text(template.render(chart=chart), encoding="utf-8")


@click.command(help=__doc__)
@click.option("--chart", type=click.Path(path_type=Path), help="SVG file to draw.")
@click.option("--distances", default="euclidean,cpdm", show_default=True, help="Distances to time, with commas.")
@click.option("--rerank-gallery", default=0, help="Also re-rank a gallery of this size with a tenth as many queries.")
@click.option("--threads", default=2, show_default=True, help="CPU threads.")
def main(chart: Path | None, distances: str, rerank_gallery: int, threads: int) -> None:
    """Print the tables."""
    costs: dict[str, list[Cost]] = {}
    click.echo(f"{QUERIES:,} queries, {threads} threads, first 100 kept")
    for distance in distances.split(","):
        run = partial(apart, distance, QUERIES, rerank=None, threads=threads)
        costs[distance] = []
        for gallery in GALLERIES:
            cost = run(gallery)
            costs[distance].append(cost)
            shown = f"{distance:10s} {sum(FEATURES[distance]):5,} dimensions, gallery {gallery:8,}"
            click.echo(
                f"  {shown}: {cost.seconds:7.1f} s, "
                f"{cost.gigabytes:.2f} GB beyond the features, mAP {cost.precision:.3f}"
            )
    if chart is not None:
        write_chart(chart, costs)
    if rerank_gallery:
        how, queries = RerankParams(20, 6, 0.3), rerank_gallery // 10
        least, most = (size / 1e9 for size in announced_memory(queries + rerank_gallery, how))
        cost = apart("euclidean", queries, rerank_gallery, how, threads)
        click.echo(
            f"  re-ranked, {queries:,} x {rerank_gallery:,}: {cost.seconds:.1f} s, {cost.gigabytes:.2f} GB "
            f"({least:.2f} to {most:.2f} announced), mAP {cost.precision:.3f}"
        )


if __name__ == "__main__":
    main()
