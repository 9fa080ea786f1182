"""The tables of both papers that compare models: which model stands for each row, and the figures as printed."""

from collections.abc import Mapping
from typing import Any

from pipeline.ablations.rows import Published, Row, Table

SWEEP_SHARE = 0.3
"""Share of the training vehicles that a sweep to choose values by is measured on."""


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


def _losses(**weights: float) -> dict[str, dict[str, Any]]:
    """What a row of SPAN table 1 changes: losses of weight 0."""
    return {"train_span": {"weights": weights}}


def _area(greatest: float) -> dict[str, dict[str, Any]]:
    """What a row changes that lets each of two visible views take this share of the foreground, a of SPAN (2)."""
    return {"train_span": {"max_area": {"several": greatest}}}


def _margin(overlap: float) -> dict[str, dict[str, Any]]:
    """What a row changes that lets adjacent views overlap so far, m of SPAN (3)."""
    return {"train_span": {"margins": {"together": overlap}}}


def _swept(label: str, value: float, upstream: Mapping[str, Mapping[str, Any]]) -> Row:
    return Row(label, "span_cpdm", value=value, upstream=upstream)


BASELINE = Row("Baseline", "baseline", _veri(75.7, 95.2, 98.2))
PGAN = Row("PGAN", "pgan", _veri(79.3, 96.5, 98.3))
SHOWN = "The paper shows masks and prints no figures; the value it chose is marked."
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
        "Baseline",
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
        "Grid attention",
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
        "Baseline",
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
        "D = 0",
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
        "Baseline",
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
        "Baseline",
        "lambda, weight of the cross-entropy",
    ),
    Table(
        "span1",
        "Losses that train SPAN",
        "SPAN, table 1 and figure 6",
        "A SPAN trained with some of its losses (1) to (3), and a model that compares by CPDM over its masks.",
        (
            Row("Baseline", "span_baseline", _veri(59.1, 92.0)),
            Row("only L_recon", "span_cpdm", _veri(58.9, 91.8), upstream=_losses(area=0.0, diversity=0.0)),
            Row("w/o L_area", "span_cpdm", _veri(59.2, 92.1), upstream=_losses(area=0.0)),
            Row("w/o L_div", "span_cpdm", _veri(59.7, 92.5), upstream=_losses(diversity=0.0)),
            Row(
                "all losses (SPAN)",
                "span_cpdm",
                _veri(68.6, 93.9),
                note="the same model has 68.9 mAP and 94.0 rank-1 in table 2",
                upstream=_losses(),
            ),
        ),
        "Baseline",
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
        "Baseline",
    ),
    Table(
        "span_max_area",
        "Largest area of a view",
        "SPAN, supplement, figure 3",
        f"a, the share of the foreground that each view of a two-view image may take. {SHOWN}",
        (
            _swept("0.5", 0.5, _area(0.5)),
            _swept("0.6", 0.6, _area(0.6)),
            _swept("0.7 (SPAN)", 0.7, _area(0.7)),
            _swept("0.8", 0.8, _area(0.8)),
            _swept("0.9", 0.9, _area(0.9)),
        ),
        "0.7 (SPAN)",
        "a, largest area of each of two views",
        SWEEP_SHARE,
    ),
    Table(
        "span_margin",
        "Overlap of adjacent views",
        "SPAN, supplement, figure 3",
        f"m, the mean product of the masks of two adjacent views that costs nothing. {SHOWN}",
        (
            _swept("0", 0.0, _margin(0.0)),
            _swept("0.02", 0.02, _margin(0.02)),
            _swept("0.04 (SPAN)", 0.04, _margin(0.04)),
            _swept("0.06", 0.06, _margin(0.06)),
            _swept("0.08", 0.08, _margin(0.08)),
        ),
        "0.04 (SPAN)",
        "m, overlap of adjacent views",
        SWEEP_SHARE,
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
        "Baseline",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
"""Every table by its name."""
