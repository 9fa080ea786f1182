"""What a table of the papers consists of: rows, what stands for each here, and the figures as printed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.store.files import digest_of

BENCHMARKS: dict[str, str] = {
    "veri776": "VeRi-776",
    "vehicleid": "VehicleID (large)",
    "vric": "VRIC",
    "veri_wild": "VERI-Wild (large)",
}
"""Data set -> the name its published figures stand under."""
UPSTREAM = ("train_span", "predict_part_masks")
"""Sections of the parameters that a row may change; its part masks are then its own."""


@dataclass(frozen=True)
class Published:
    """Figures of one row on one benchmark, in percent as printed.

    Attributes:
        mAP: Mean average precision; None where the paper gives none.
        rank_1: Share of queries whose first image is right; likewise.
        rank_5: With a right one among the first five; likewise.
    """

    mAP: float | None = None
    rank_1: float | None = None
    rank_5: float | None = None

    @property
    def figures(self) -> tuple[float | None, float | None, float | None]:
        """All three, in this order."""
        return self.mAP, self.rank_1, self.rank_5


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        label: What the paper calls it.
        model: The key of ``reid_models`` that stands for it.
        published: Data set, a key of `BENCHMARKS` -> the paper's figures; empty where it gives none.
        value: What the row varies, where the table is a sweep; None for a row beside it.
        source: Where its figures come from, where that is not the table's own source; figures of two sources are not
            compared with each other.
        note: What a reader must know of it.
        upstream: Section, one of `UPSTREAM` -> what the row lays over it, key by key at every depth. A row that names
            any, be it without a change, has a SPAN of its own for each seed and part masks by that; else it reads the
            workspace's.
    """

    label: str
    model: str
    published: Mapping[str, Published] = field(default_factory=dict)
    value: float | None = None
    source: str = ""
    note: str = ""
    upstream: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its model, and its label where other rows may have the same model."""
        return f"{self.model} ({self.label})" if self.upstream else self.model


@dataclass(frozen=True)
class Table:
    """Models that a paper compares.

    Attributes:
        name: Its name here.
        title: What it is about.
        source: Paper and table.
        caption: What it shows.
        rows: From top to bottom.
        reference: Label of the row that the others are compared with.
        varied: What the rows vary, for the axis of a chart; "" where they vary no number.
        held_out: Share of the training vehicles to measure on where nothing else is asked for; 0: the test split.
    """

    name: str
    title: str
    source: str
    caption: str
    rows: tuple[Row, ...]
    reference: str
    varied: str = ""
    held_out: float = 0.0

    def __post_init__(self) -> None:
        labels = [row.label for row in self.rows]
        if len(set(labels)) < len(labels) or self.reference not in labels:
            raise ValueError(f"table {self.name}: rows need labels of their own, one of them {self.reference!r}")
        if len({digest_of([row.model, row.upstream]) for row in self.rows}) < len(self.rows):
            raise ValueError(f"table {self.name}: two rows stand for one model with the same changes")
        unknown = sorted({section for row in self.rows for section in row.upstream} - set(UPSTREAM))
        if unknown:
            raise ValueError(f"table {self.name}: a row may change {', '.join(UPSTREAM)}, got {unknown[0]!r}")

    @property
    def benchmarks(self) -> list[str]:
        """Data sets that any row has figures of, the first one's order."""
        return list(dict.fromkeys(name for row in self.rows for name in row.published))
