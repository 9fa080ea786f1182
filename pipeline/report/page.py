"""The report: one page that holds everything it shows and opens without a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.report.across import across_table
from pipeline.report.attention import attention_sheets
from pipeline.report.curves import Curves, matching_curves, training_curves
from pipeline.report.overview import Overview, overview
from pipeline.report.quality import class_table, quality_table
from pipeline.report.retrieval import Retrieval, retrieval
from pipeline.report.sheets import Sheets, artifact_sheets
from pipeline.report.sources import ReportParams, Sources
from pipeline.report.tables import Table, dataset_table, percent, reid_table, totals
from pipeline.report.views import ViewPairs, view_pairs
from pipeline.store.pages import environment
from pipeline.store.places import HISTORY
from pipeline.store.words import counted

TEMPLATES = Path(__file__).with_name("templates")
WORDS = {
    "mAP": "Mean average precision: how near the top all images of the asked vehicle are ranked; 100 is perfect. "
    "Precision is averaged at each hit. “Trapezoid” averages it between hits, as VeRi-776's own program does, and "
    "must not be compared with the first.",
    "R1, R5, R10": "Share of queries with at least one right image among the first 1, 5 or 10.",
    "look-alikes": "Vehicles that share a value of one of the data set's columns, as a model's name; who tells them "
    "apart looks at small parts. A query that has none in the gallery is left out there.",
    "chance": "What a random order of the same images reaches, exactly.",
    "mINP": "How early the last, hardest right image of a query comes; 100 when nothing wrong stands before it.",
    "distance": "How two images are compared: euclidean on the whole feature, or CPDM, which compares front, rear "
    "and side apart and weighs each by how much of it both images show.",
    "weight of a view": "In CPDM, how much the whole vehicle or one view counts for a pair of images: the product of "
    "the view's share of the area in both, as a share of all.",
    "attention": "How much a model strengthens each part box, or each cell of its map of the image; the weights sum "
    "to 100 %.",
    "left out": "Queries without any right image in the gallery; they count in no mean.",
    "IoU": "Intersection over union: shared area divided by joint area of a mask (or box) and the truth.",
    "coverage, spill": "Used where only some parts of the vehicle are annotated: share of the annotated pixels that "
    "the mask holds, and share of the mask that lies clearly off the vehicle.",
    "GrabCut seed": "A mask made without any learning; the foreground network is trained on these noisy masks alone.",
    "view masks": "Where the front, the rear and the side of the vehicle are seen, learnt from image-level labels.",
}


@dataclass(frozen=True)
class Summary:
    """What ran: single numbers by name, and a table of data sets."""

    tiles: Mapping[str, str]
    datasets: Table


@dataclass(frozen=True)
class Metrics:
    """How well vehicles are found again: a table, and curves of each data set that has scores."""

    table: Table
    curves: Sequence[Curves]


@dataclass(frozen=True)
class Report:
    """What the page shows: one attribute a section, named as the section is; an empty one is left out.

    Attributes:
        models: Models of this run.
        summary: What ran.
        metrics: Re-identification; None without models.
        across: Models tested on data sets that they were not trained on; None where none is.
        retrievals: Rankings of some queries of each data set.
        views: What each view said of pairs of these rankings, where models compare views apart.
        attention: What models look at in some test images, where models have attention.
        quality: Tables of the artifacts' quality.
        artifacts: Every artifact of some images of each data set.
        overview: What each data set holds.
        training: Losses of each training.
        words: Word -> its meaning.
    """

    models: Sequence[str]
    summary: Summary
    metrics: Metrics | None
    across: Table | None
    retrievals: Sequence[Retrieval]
    views: Sequence[ViewPairs]
    attention: Sequence[Sheets]
    quality: Sequence[Table]
    artifacts: Sequence[Sheets]
    overview: Sequence[Overview]
    training: Sequence[Curves]
    words: Mapping[str, str]


def build_page(
    root: Path,
    datasets: Sequence[str],
    models: list[str],
    params: ReportParams,
    across: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Build the whole page as text.

    Args:
        root: The workspace's folder; read are ``images``, ``truth``, ``grabcut``, ``foreground``, ``parts``,
            ``part_masks``, ``quality``, ``attention``, ``evaluation`` and ``history`` in its ``data``.
        datasets: Data sets to show.
        models: Models to show, in order.
        params: Sizes and counts.
        across: What is evaluated across data sets: ``trained_on`` and ``tested_on``; None: nothing.

    Returns:
        One HTML document, the same bytes for the same input.

    Raises:
        FileNotFoundError: An output is missing.
        ValueError: An output belongs to another table of images.
    """
    sources = [Sources(root, name, models) for name in datasets]
    retrievals = [retrieval(item, params) for item in sources if models]
    report = Report(
        models=models,
        summary=Summary(_tiles(sources, models), dataset_table(sources)),
        metrics=_metrics(sources) if models else None,
        across=across_table(root, datasets, models, across) if across else None,
        retrievals=[found for found in retrievals if found],
        views=[found for item in sources if models for found in [view_pairs(item, params)] if found],
        attention=[found for item in sources for found in [attention_sheets(item, params)] if found],
        quality=[table for table in (quality_table(sources), class_table(sources)) if table],
        artifacts=[artifact_sheets(item, params) for item in sources],
        overview=[overview(item, params) for item in sources],
        training=training_curves(root / HISTORY, [*datasets, *(across or {}).get("trained_on", ())], models),
        words=WORDS,
    )
    return environment(TEMPLATES).get_template("report.html").render(report=report)


def _metrics(sources: Sequence[Sources]) -> Metrics:
    curves = [matching_curves(item) for item in sources]
    return Metrics(reid_table(sources), [found for found in curves if found])


def _tiles(sources: Sequence[Sources], models: Sequence[str]) -> dict[str, str]:
    images, vehicles = totals(sources)
    counts = (
        counted(len(sources), "data set"),
        counted(images, "distinct image"),
        counted(vehicles, "vehicle"),
        counted(len(models), "re-ID model"),
    )
    numbers = {what: number for number, what in (count.split(" ", 1) for count in counts)}
    for item in sources if models else ():
        numbers |= _best(item)
    return numbers


def _best(sources: Sources) -> dict[str, str]:
    """The best model and its mAP; nothing where identities are withheld."""
    found = {model: sources.metrics(model)["mAP"] for model in sources.models}
    known = {model: float(value) for model, value in found.items() if value is not None}
    best = max(known, key=lambda name: known[name], default="")
    return {f"best mAP on {sources.name}, by {best}": f"{percent(known[best])} %"} if known else {}
