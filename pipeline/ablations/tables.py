"""The tables of both papers that compare models: which model stands for each row, and the figures as printed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BENCHMARKS: dict[str, str] = {
    "veri776": "VeRi-776",
    "vehicleid": "VehicleID (large)",
    "vric": "VRIC",
    "veri_wild": "VERI-Wild (large)",
}
"""Data set -> the name its published figures stand under."""


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
    """

    label: str
    model: str
    published: Mapping[str, Published] = field(default_factory=dict)
    value: float | None = None
    source: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Models that a paper compares.

    Attributes:
        name: Its name here.
        title: What it is about.
        source: Paper and table.
        caption: What it shows.
        rows: From top to bottom.
        reference: Model that the others are compared with.
        varied: What the rows vary, for the axis of a chart; "" where they vary no number.
    """

    name: str
    title: str
    source: str
    caption: str
    rows: tuple[Row, ...]
    reference: str
    varied: str = ""

    def __post_init__(self) -> None:
        models = [row.model for row in self.rows]
        if len(set(models)) < len(models) or self.reference not in models:
            raise ValueError(f"table {self.name}: rows need models of their own, one of them {self.reference!r}")

    @property
    def benchmarks(self) -> list[str]:
        """Data sets that any row has figures of, the first one's order."""
        return list(dict.fromkeys(name for row in self.rows for name in row.published))


def _veri(mAP: float, rank_1: float, rank_5: float | None = None) -> dict[str, Published]:
    return {"veri776": Published(mAP, rank_1, rank_5)}


def _table3(
    veri776: tuple[float, float], vehicleid: tuple[float, float], vric: tuple[float, float], wild: tuple[float, float]
) -> dict[str, Published]:
    """A row of PGAN table 3: mAP and rank-1, rank-1 and rank-5 twice, mAP and rank-1."""
    return {
        "veri776": Published(*veri776),
        "vehicleid": Published(None, *vehicleid),
        "vric": Published(None, *vric),
        "veri_wild": Published(*wild),
    }


BASELINE = Row("Baseline", "baseline", _veri(75.7, 95.2, 98.2))
PGAN = Row("PGAN", "pgan", _veri(79.3, 96.5, 98.3))
UNPRINTED = "The paper draws this curve without printing its values; those known stand in its tables."

_TABLES = (
    Table(
        "pgan1",
        "What each of PGAN's features adds",
        "PGAN, table 1",
        "The triplet loss on the fused feature alone, then on the global and the part feature as well.",
        (
            BASELINE,
            Row("fused", "pgan_f", _veri(77.7, 95.9, 98.5)),
            Row("fused + global", "pgan_fg", _veri(78.0, 95.1, 97.7)),
            Row("fused + part", "pgan_fp", _veri(78.5, 95.8, 98.3)),
            Row("fused + global + part (PGAN)", "pgan", PGAN.published),
        ),
        "baseline",
    ),
    Table(
        "pgan2",
        "Kinds of attention",
        "PGAN, table 2, at dimension 512",
        "Attention to every cell of the map, to parts weighted alike, and to parts weighted by PAM. The same at "
        "dimension 256, where the paper prints 76.1, 77.9 and 78.6 mAP, is a matter of `dimension`.",
        (
            Row("Grid attention", "grid_attention", _veri(77.0, 95.8, 98.0)),
            Row("PGAN w/o PAM", "pgan_no_pam", _veri(78.0, 95.5, 98.2)),
            PGAN,
        ),
        "grid_attention",
    ),
    Table(
        "pgan3",
        "Kinds of attention on four benchmarks",
        "PGAN, table 3, its own rows",
        "The baseline and the three kinds of attention, each benchmark by its own protocol.",
        (
            Row("Baseline", "baseline", _table3((75.7, 95.2), (77.5, 91.0), (76.1, 93.0), (72.9, 92.9))),
            Row("Grid attention", "grid_attention", _table3((77.0, 95.8), (77.1, 91.4), (76.7, 93.6), (73.6, 93.9))),
            Row("PGAN w/o PAM", "pgan_no_pam", _table3((78.0, 95.5), (77.6, 91.8), (77.4, 93.1), (73.6, 93.8))),
            Row("PGAN", "pgan", _table3((79.3, 96.5), (77.8, 92.1), (78.0, 93.2), (74.1, 93.8))),
        ),
        "baseline",
    ),
    Table(
        "pgan5",
        "How many parts",
        "PGAN, table 5",
        "D, the number of part boxes PGAN looks at; none leaves the network as it is, without part guidance.",
        (
            Row("D = 0", "pgan_d0", _veri(75.2, 94.9, 98.1), 0),
            Row("D = 4", "pgan_d4", _veri(76.4, 74.4, 97.9), 4, note="rank-1 as printed, no doubt a slip"),
            Row("D = 6", "pgan_d6", _veri(78.7, 96.2, 98.0), 6),
            Row("D = 8 (PGAN)", "pgan", PGAN.published, 8),
            Row("D = 10", "pgan_d10", _veri(79.1, 95.9, 98.2), 10),
        ),
        "pgan_d0",
        "D, parts of each image",
    ),
    Table(
        "pgan_dimension",
        "Length of PGAN's feature",
        "PGAN, figure 3 (a)",
        f"2C', the dimension of the fused feature. {UNPRINTED}",
        (
            BASELINE,
            Row("128", "pgan_dim128", {}, 128),
            Row("256", "pgan_dim256", _veri(78.6, 95.4, 98.0), 256, note="figures from table 2"),
            Row("512", "pgan_dim512", PGAN.published, 512, note="figures from table 1"),
            Row("1024", "pgan_dim1024", {}, 1024),
            Row("2048", "pgan_dim2048", {}, 2048),
        ),
        "baseline",
        "dimension of the feature",
    ),
    Table(
        "pgan_lambda",
        "Weight of PGAN's cross-entropy",
        "PGAN, figure 3 (b)",
        f"lambda of PGAN (5), the cross-entropy beside the triplet losses. {UNPRINTED}",
        (
            BASELINE,
            Row("0.5", "pgan_lambda0.5", {}, 0.5),
            Row("1", "pgan_lambda1", {}, 1),
            Row("2 (PGAN)", "pgan", PGAN.published, 2, note="figures from table 1"),
            Row("3", "pgan_lambda3", {}, 3),
            Row("4", "pgan_lambda4", {}, 4),
        ),
        "baseline",
        "lambda, weight of the cross-entropy",
    ),
    Table(
        "span2",
        "How SPAN's features are put together",
        "SPAN, table 2",
        "Global and view features through a fully connected layer, side by side, and compared by CPDM.",
        (
            Row("Baseline", "span_baseline", _veri(59.1, 92.0)),
            Row("SPAN w/ FC", "span_fc", _veri(60.3, 92.6)),
            Row("SPAN w/ Cat", "span_concat", _veri(63.1, 93.0)),
            Row("SPAN w/ CPDM", "span_cpdm", _veri(68.9, 94.0)),
        ),
        "span_baseline",
    ),
    Table(
        "union",
        "Parts, views, and both",
        "PGAN, table 1; SPAN, table 2; neither for the model that unites them",
        "PGAN looks at parts, SPAN at views, the fused model at both. The papers train differently (their baselines "
        "are at 75.7 and 59.1 mAP), so figures of one are not compared with those of the other.",
        (
            BASELINE,
            PGAN,
            Row("SPAN w/ CPDM", "span_cpdm", _veri(68.9, 94.0), source="SPAN"),
            Row("Fused", "fused", source="neither paper"),
        ),
        "baseline",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
"""Every table by its name."""
