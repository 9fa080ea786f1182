"""A small table of models and runs of it made up by hand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from drawn_vehicles import TinyData

from pipeline.ablations.comparison import Difference
from pipeline.ablations.experiment import open_experiment
from pipeline.ablations.results import Outcome, Result, Reversal, spread
from pipeline.ablations.rows import Published, Row, Table
from pipeline.ablations.runs import Run
from pipeline.ablations.steps import Step, steps_of
from pipeline.store.params import read

TABLE = Table(
    "tiny",
    "Of little use",
    "A paper, table 0",
    "Two models.",
    (
        Row("Plain", "baseline", {"veri776": Published(75.7, 95.2, 98.2)}, 0, note="printed so"),
        Row("Parts", "span_cpdm", {"veri776": Published(79.3, 96.5, 98.3)}, 8),
    ),
    "Plain",
    "number of parts",
)
SPANS = Table(
    "spans",
    "SPANs by their losses",
    "A paper, table 9",
    "A baseline and one model over two SPANs.",
    (
        Row("Plain", "baseline"),
        Row("all losses", "span_cpdm", value=1, upstream={"train_span": {}}),
        Row("no area", "span_cpdm", value=0, upstream={"train_span": {"weights": {"area": 0.0}}}),
    ),
    "Plain",
    "area loss",
)
VEHICLES = np.repeat([f"{vehicle:04d}" for vehicle in range(12)], 3)


def made_up(model: str, seed: int, shift: float, **metrics: Any) -> Run:
    """A run whose queries have average precisions from 0.3 to 0.7, all shifted."""
    precision = np.linspace(0.3, 0.7, len(VEHICLES)) + shift
    first = np.where(precision > 0.5, 1, 2)
    queries = np.array([f"0 {position}.png" for position in range(len(VEHICLES))])
    return Run(model, seed, {"mAP": float(precision.mean()), **metrics}, queries, VEHICLES, precision, first)


def result(share: float = 0.0) -> Result:
    """A result in which the better model of the paper is the worse one."""
    plain, parts = TABLE.rows
    worse = Difference(-0.02, (-0.03, -0.01))
    figures = {
        row.model: {"mAP": spread(values), "rank-1": spread([0.5, 0.5])}
        for row, values in ((plain, [0.5, 0.6]), (parts, [0.48, 0.58]))
    }
    outcomes = [Outcome(plain, figures["baseline"], None), Outcome(parts, figures["span_cpdm"], worse)]
    reversal = Reversal(parts, plain, "mAP", 3.6, worse)
    return Result(replace(TABLE), "tiny", share, [0, 1], 36, 12, 1, "veri776", outcomes, 1, [reversal])


def steps(data: TinyData, seeds: int = 1, share: float = 0.0, table: Table = SPANS) -> Sequence[Step]:
    """Steps of a table on the tiny data set."""
    experiment = open_experiment(data.workspace(), share)
    return steps_of(experiment, table, read(data.root / "params.yaml"), seeds)
