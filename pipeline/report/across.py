"""One table of models trained on one data set, or several, and tested on another."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.report.sources import read_metrics
from pipeline.report.tables import Cell, Group, Table, percent
from pipeline.store.places import Workspace

CAPTION = (
    "Models trained on one data set or several together (rows) and tested on another (columns), in percent: mAP and, "
    "behind it, rank-1. Bold: the best of a column among the models of one name; a dash: not evaluated."
)


def across_table(
    root: Path, datasets: Sequence[str], models: Sequence[str], across: Mapping[str, Sequence[str]]
) -> Table | None:
    """What each model reaches on its own data set and on others, a group a model.

    Args:
        root: The workspace's folder.
        datasets: Data sets of this run, whose models are evaluated on themselves.
        models: Models of this run.
        across: What is evaluated beside that: ``trained_on`` and ``tested_on``.

    Returns:
        The table; None where nothing is evaluated across data sets.

    Raises:
        FileNotFoundError: Metrics are missing.
        ValueError: They are of another model or data set.
    """
    pairs = [(trained, tested) for trained in across["trained_on"] for tested in across["tested_on"]]
    if not pairs or not models:
        return None
    rows = list(dict.fromkeys([*datasets, *across["trained_on"]]))
    columns = list(dict.fromkeys([*datasets, *across["tested_on"]]))
    groups = []
    for model in models:
        found = {}
        for trained in rows:
            for tested in columns:
                if trained == tested and tested in datasets:
                    found[trained, tested] = read_metrics(Workspace(root, tested, model), "metrics")
                elif (trained, tested) in pairs:
                    workspace = Workspace(root, tested, model, trained_on=trained)
                    found[trained, tested] = read_metrics(workspace, "metrics_across")
        groups.append(_group(model, rows, columns, found))
    return Table(CAPTION, ["trained on", *(f"tested on {tested}" for tested in columns)], groups)


def _group(
    model: str, rows: Sequence[str], columns: Sequence[str], found: Mapping[tuple[str, str], dict[str, Any]]
) -> Group:
    best = {
        tested: max(
            (found[pair]["mAP"] for pair in found if pair[1] == tested and found[pair]["mAP"] is not None), default=None
        )
        for tested in columns
    }
    lines = [
        (trained, [_cell(found.get((trained, tested)), best[tested]) for tested in columns])
        for trained in rows
        if any((trained, tested) in found for tested in columns)
    ]
    return Group(model, lines)


def _cell(metrics: dict[str, Any] | None, best: float | None) -> Cell:
    if metrics is None or metrics["mAP"] is None:
        return Cell("")
    first = metrics["CMC"].get("1")
    text = percent(metrics["mAP"]) if first is None else f"{percent(metrics['mAP'])} / {percent(first)}"
    return Cell(text, best=metrics["mAP"] == best)
