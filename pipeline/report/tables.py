"""Tables of the report: what ran, re-identification metrics, quality of artifacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.report.selection import first_occurrences
from pipeline.report.sources import Sources
from pipeline.retrieval.protocols import MODES
from pipeline.store.vocabulary import PART_CLASSES, SPLITS, VIEWS

LAST = ("mINP", "mAP_trapezoid")

MANNER = ("distance", "query_expansion", "rerank")
"""Metrics that say how images were compared, the same for all groups of images."""

ALIKE_HEADS = ("mAP among look-alikes", "its 95 %", "its chance")

QUALITY_GROUPS: dict[str, tuple[str, dict[str, str]]] = {
    "grabcut": (
        "GrabCut seed masks, made without learning",
        {
            "iou_mean": "mean overlap (IoU) with the true vehicle",
            "iou_median": "median overlap",
            "coverage_mean": "annotated vehicle pixels covered",
            "spill_mean": "mask pixels clearly off the vehicle (lower is better)",
        },
    ),
    "removed_seeds": (
        "Seeds that training removed as abnormal",
        {
            "removed_bad_share": "bad ones among the removed: little overlap with the true vehicle",
            "bad_share": "bad ones among all that were trained on",
        },
    ),
    "foreground": (
        "Foreground network, trained on the seeds alone",
        {
            "iou_mean": "mean overlap (IoU) with the true vehicle",
            "iou_median": "median overlap",
            "coverage_mean": "annotated vehicle pixels covered",
            "spill_mean": "mask pixels clearly off the vehicle (lower is better)",
        },
    ),
    "parts": (
        "Part detector, on images it was not trained on",
        {
            "ap50": "average precision at IoU 0.5, mean over classes",
            "ap": "average precision, IoU 0.5 to 0.95",
            "recall_top_d": "annotated parts among the most confident boxes the models use",
            "recall_top_d_ceiling": "the most that so few boxes could reach",
            "recall_top_d_identifying": "parts that tell vehicles of one model apart, among the same boxes",
            "recall_top_d_identifying_ceiling": "the most that so few boxes could reach of these alone",
        },
    ),
    "part_masks": (
        "View masks, trained on image-level viewpoints alone",
        {
            **{f"iou_{view}": f"{view}: overlap (IoU) with the true {view}" for view in VIEWS},
            "iou_mean": "mean overlap of the three",
            **{f"labelled_iou_{view}": f"{view}: overlap among annotated pixels" for view in VIEWS},
            "labelled_iou_mean": "mean overlap of the three among annotated pixels",
        },
    ),
    "viewpoint": ("Viewpoint told from the view masks' areas", {"accuracy": "right among five viewpoints"}),
}
"""Group of an artifact's quality -> its title, and measure -> what it says; all are shares in [0, 1]."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table of numbers.

    Attributes:
        text: What it shows; "" shows a dash.
        share: Length of the bar behind the number, in [0, 1]; None draws none.
        best: Whether it is the best of its column within its group.
    """

    text: str
    share: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Group:
    """Rows of a table under one title.

    Attributes:
        title: Said above them; "" says nothing.
        rows: A row head and its cells, each.
    """

    title: str
    rows: Sequence[tuple[str, Sequence[Cell]]]


@dataclass(frozen=True)
class Table:
    """A table of numbers, rows in groups.

    Attributes:
        caption: Said above it.
        heads: Column heads, the first above the row heads.
        groups: Its rows.
    """

    caption: str
    heads: Sequence[str]
    groups: Sequence[Group]


def percent(value: float | None) -> str:
    """Format a share in [0, 1] as percent with one decimal, "" for None."""
    return "" if value is None else f"{100 * value:.1f}"


def dataset_table(datasets: Sequence[Sources]) -> Table:
    """What each data set holds."""
    rows = []
    splits = [split for split in SPLITS if any(split in sources.store.splits for sources in datasets)]
    for sources in datasets:
        store = sources.store
        counts = [int((store.splits == split).sum()) for split in splits]
        vehicles = len(set(store.vehicle_ids) - {""})
        cameras = len(set(store.camera_ids) - {""})
        distinct = first_occurrences(store.image_digests)
        labelled, annotated = (store.viewpoints[distinct] >= 0).sum(), store.annotated[distinct].sum()
        numbers = [len(distinct), *counts, vehicles, cameras, int(labelled), int(annotated)]
        rows.append((sources.name, [Cell(f"{number:,}") for number in numbers]))
    heads = ["data set", "images", *splits, "vehicles", "cameras", "with viewpoint", "with part boxes"]
    caption = "Data sets of this run; an image that is both query and gallery is one image."
    return Table(caption, heads, [Group("", rows)])


def reid_table(datasets: Sequence[Sources]) -> Table:
    """Metrics of every model, data set and group; the best of each column of a data set and group in bold."""
    metrics = {sources.name: {model: sources.metrics(model) for model in sources.models} for sources in datasets}
    scored = [
        part
        for models in metrics.values()
        for values in models.values()
        for part in (values, *values["test_sets"].values(), *values["groups"].values())
    ]
    ranks = sorted({int(rank) for part in scored for rank in part["CMC"]})
    columns = sorted({part["alike"]["column"] for part in scored if part["alike"]})
    groups = [group for name, models in metrics.items() for group in _reid_groups(name, models, ranks, bool(columns))]
    heads = [
        "model",
        "mAP",
        *(f"R{rank}" for rank in ranks),
        "mINP",
        "mAP (trapezoid)",
        "mAP, 95 %",
        *(ALIKE_HEADS if columns else ()),
        "left out",
        "distance",
    ]
    caption = (
        "Re-identification in percent, higher is better; best of each group of rows in bold. The interval of the mAP "
        "is a bootstrap over vehicles: models whose intervals overlap widely cannot be told apart by these vehicles."
    )
    if columns:
        caption += (
            f" Look-alikes are vehicles of one {' or '.join(columns)}: each query is ranked among those alone, and "
            "chance is the mAP of a random order."
        )
    return Table(caption, heads, groups)


def _reid_groups(name: str, models: dict[str, dict[str, Any]], ranks: Sequence[int], alike: bool) -> list[Group]:
    """One data set: its leading test set, the other test sets, each group of images alone, and tracks."""
    groups = [_reid_group(name, models, ranks, alike)]
    first = next(iter(models.values()))
    for other in first["test_sets"]:
        if other != first["test_set"]:
            sets = {model: {**values, **values["test_sets"][other]} for model, values in models.items()}
            groups.append(_reid_group(f"{name}, {other}", sets, ranks, alike))
    for part in sorted({part for values in models.values() for part in values["groups"]}):
        parts = {
            model: {**{key: values[key] for key in MANNER}, **values["groups"][part]}
            for model, values in models.items()
            if part in values["groups"]
        }
        groups.append(_reid_group(f"{name}, {part} alone", parts, ranks, alike))
    for mode in MODES if first["tracks"] else ():
        of_tracks = {model: {**values, **values["tracks"][mode]} for model, values in models.items()}
        groups.append(_reid_group(f"{name}, {mode.replace('_', ' ')}", of_tracks, ranks, alike, "tracks"))
    return groups


def _reid_group(
    title: str, models: dict[str, dict[str, Any]], ranks: Sequence[int], alike: bool, found: str = "images"
) -> Group:
    def shares(values: dict[str, Any]) -> list[float | None]:
        return [values["mAP"], *(values["CMC"].get(str(rank)) for rank in ranks), *(values[key] for key in LAST)]

    columns = zip(*(shares(values) for values in models.values()), strict=True)
    best = [max((value for value in column if value is not None), default=None) for column in columns]
    among = _alike_cells(models) if alike else dict.fromkeys(models, ())
    rows = []
    for model, values in models.items():
        cells = [
            Cell(percent(value), best=value is not None and value == top)
            for value, top in zip(shares(values), best, strict=True)
        ]
        left_out = "withheld" if values["mAP"] is None else f"{values['queries_without_match']:,}"
        facts = [Cell(_interval(values)), *among[model], Cell(left_out), Cell(_manner(values))]
        rows.append((model, [*cells, *facts]))
    first = next(iter(models.values()))
    return Group(f"{title}: {first['queries']:,} queries, gallery of {first['gallery']:,} {found}", rows)


def _alike_cells(models: dict[str, dict[str, Any]]) -> dict[str, Sequence[Cell]]:
    """Model -> its cells under `ALIKE_HEADS`, dashes where nothing was to be told apart."""
    scored = {model: values["alike"] for model, values in models.items() if values["alike"]}
    best = max((found["mAP"] for found in scored.values() if found["mAP"] is not None), default=None)
    shown = {
        model: (
            Cell(percent(found["mAP"]), best=found["mAP"] is not None and found["mAP"] == best),
            Cell(_interval(found)),
            Cell(percent(found["chance"])),
        )
        for model, found in scored.items()
    }
    return {model: shown.get(model, (Cell(""),) * len(ALIKE_HEADS)) for model in models}


def _interval(values: dict[str, Any]) -> str:
    """95 % interval of the mAP, "" where there is none."""
    ends = values["interval"].get("mAP")
    return f"{percent(ends[0])} to {percent(ends[1])}" if ends else ""


def _manner(values: dict[str, Any]) -> str:
    """How images were compared, and over how many draws."""
    draws = values.get("draws")
    expanded = ", queries expanded" if values["query_expansion"] else ""
    note = str(values["distance"]) + expanded + (", re-ranked" if values["rerank"] else "")
    if draws is None:
        return note
    deviation = percent(draws["deviation"]["mAP"])
    return f"{note}; mean of {draws['count']} draws, whose mAP deviates by {deviation}"


def quality_table(datasets: Sequence[Sources]) -> Table | None:
    """Measured quality of the artifacts, a column a data set; None when nothing could be measured."""
    groups = []
    for group, (title, labels) in QUALITY_GROUPS.items():
        measured = [sources.quality.get(group, {}) for sources in datasets]
        rows = [
            (label, [Cell(percent(values.get(key)), values.get(key)) for values in measured])
            for key, label in labels.items()
            if any(values.get(key) is not None for values in measured)
        ]
        if any("failed" in values for values in measured):
            rows.append(("images without a usable mask", [Cell(_failures(values)) for values in measured]))
        if any("removed" in values for values in measured):
            rows.append(("seeds removed", [Cell(_removed(values)) for values in measured]))
        if rows and any("images" in values for values in measured):
            rows.append(("images measured", [Cell(_count(values)) for values in measured]))
        if rows:
            groups.append(Group(title, rows))
    if not groups:
        return None
    heads = ["measure (percent)", *(sources.name for sources in datasets)]
    return Table("Artifacts against ground truth; a dash where there is none.", heads, groups)


def class_table(datasets: Sequence[Sources]) -> Table | None:
    """Average precision and recall of each part class, two columns a data set; None when none was measured."""
    kinds = {"ap50": "AP at IoU 0.5", "recall_top_d": "found by the surest boxes"}
    measured = [
        {row["part"]: float(row[kind]) for row in sources.part_classes} for sources in datasets for kind in kinds
    ]
    rows = [
        (name.replace("_", " "), [Cell(percent(values.get(name)), values.get(name)) for values in measured])
        for name in PART_CLASSES
        if any(name in values for values in measured)
    ]
    heads = ["part", *(f"{sources.name}: {title}" for sources in datasets for title in kinds.values())]
    caption = (
        "Part detector by class (percent): average precision, and parts overlapped by one of the most confident boxes "
        "the models use, whatever its class; a dash where no image shows the part."
    )
    return Table(caption, heads, [Group("", rows)]) if rows else None


def _failures(values: dict[str, Any]) -> str:
    return f"{values['failed']:,} of {values['failed_of']:,}" if "failed" in values else ""


def _removed(values: dict[str, Any]) -> str:
    return f"{values['removed']:,} of {values['seeds']:,}" if "removed" in values else ""


def _count(values: dict[str, Any]) -> str:
    return f"{values['images']:,}" if values.get("images") is not None else ""


def total(datasets: Sequence[Sources], what: str) -> int:
    """Number of distinct ``images`` or ``vehicles`` over all data sets."""
    counters = {
        "images": lambda store: len(first_occurrences(store.image_digests)),
        "vehicles": lambda store: len(np.setdiff1d(store.vehicle_ids, [""])),
    }
    return sum(counters[what](sources.store) for sources in datasets)
