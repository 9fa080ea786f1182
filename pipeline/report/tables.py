"""Tables of the report: what ran, and re-identification metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.report.selection import first_occurrences
from pipeline.report.sources import Sources
from pipeline.retrieval.protocols import MODES
from pipeline.store.vocabulary import SPLITS
from pipeline.store.words import counted

LAST = ("mINP", "mAP_trapezoid")

MANNER = ("distance", "query_expansion", "rerank")
"""Metrics that say how images were compared, the same for all groups of images."""

ALIKE_HEADS = ("mAP among look-alikes", "its 95 %")


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
        facts = [Cell(_interval(values)), *among[model], Cell(_manner(values))]
        rows.append((model, [*cells, *facts]))
    first = next(iter(models.values()))
    chance = {percent(values["alike"]["chance"]) for values in models.values() if values["alike"]} - {""}
    told = f"; chance among look-alikes {' or '.join(sorted(chance))} %" if chance else ""
    queries = counted(first["queries"], "query", "queries") + _left_out(first)
    return Group(f"{title}: {queries}, gallery of {first['gallery']:,} {found}{told}", rows)


def _left_out(values: dict[str, Any]) -> str:
    """Why not every query counts, "" where each does."""
    if values["mAP"] is None:
        return " (whose vehicles are withheld)"
    alone = values["queries_without_match"]
    return f" ({alone:,} of them left out)" if alone else ""


def _alike_cells(models: dict[str, dict[str, Any]]) -> dict[str, Sequence[Cell]]:
    """Model -> its cells under `ALIKE_HEADS`, dashes where nothing was to be told apart."""
    scored = {model: values["alike"] for model, values in models.items() if values["alike"]}
    best = max((found["mAP"] for found in scored.values() if found["mAP"] is not None), default=None)
    shown = {
        model: (
            Cell(percent(found["mAP"]), best=found["mAP"] is not None and found["mAP"] == best),
            Cell(_interval(found)),
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


def totals(datasets: Sequence[Sources]) -> tuple[int, int]:
    """Number of distinct images and vehicles over all data sets; those of several data sets count once.

    A vehicle is known again by its images alone: the same name means another vehicle in another data set.
    """
    seen: set[str] = set()
    images = vehicles = 0
    for sources in datasets:
        store = sources.store
        known = np.isin(store.image_digests, list(seen))
        images += len(set(store.image_digests[~known]))
        vehicles += len(np.setdiff1d(store.vehicle_ids, ["", *store.vehicle_ids[known]]))
        seen.update(store.image_digests.tolist())
    return images, vehicles
