"""Tables of the report: how good artifacts are, measured against ground truth."""

from collections.abc import Sequence
from typing import Any

from pipeline.report.sources import Sources
from pipeline.report.tables import Cell, Group, Table, percent
from pipeline.store.vocabulary import PART_CLASSES, VIEWS

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
