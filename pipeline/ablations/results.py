"""What the runs of a table say: figures over seeds, differences to the reference, and where the order is another."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.ablations.comparison import Difference, paired_difference
from pipeline.ablations.experiment import Experiment
from pipeline.ablations.rows import Published, Row, Table
from pipeline.ablations.runs import Run
from pipeline.retrieval.summary import BootstrapParams

ALIKE = "mAP, look-alikes"
MEASURES: dict[str, Callable[[Run], NDArray[np.float64]]] = {
    "mAP": lambda run: run.average_precision,
    "rank-1": lambda run: run.found_within(1),
}
"""Measure -> its value for each query, `(Q,)` float64 in [0, 1]; the measure is their mean."""


@dataclass(frozen=True)
class Spread:
    """A figure over seeds.

    Attributes:
        mean: In [0, 1].
        deviation: Standard deviation; None for one seed.
        values: One a seed.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """What was measured for one row.

    Attributes:
        row: The row.
        figures: Measure -> its figure.
        difference: Of the mAP to the table's reference; None for the reference itself.
        masks: Measure of the row's own part masks, see `pipeline.ablations.mask_quality` -> its figure.
    """

    row: Row
    figures: Mapping[str, Spread]
    difference: Difference | None
    masks: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True)
class Reversal:
    """Two rows that stand in another order than in the paper.

    Attributes:
        better: The better one in the paper.
        worse: The other.
        measure: By which they are compared.
        published: By how much the first is better in the paper, in points.
        ours: How far it is above the other here: 0 or less.
    """

    better: Row
    worse: Row
    measure: str
    published: float
    ours: Difference


@dataclass(frozen=True)
class Result:
    """A table with what was measured.

    Attributes:
        table: The table.
        dataset: Name of the data set.
        share: Share of the training vehicles that was held out and measured on; 0 for the test split.
        seeds: Of the runs.
        queries: Queries that have a match, of each draw; draws of a gallery ask as many each, nearly the same ones.
        vehicles: Vehicles they show.
        draws: Galleries that were drawn; 1 where the gallery is listed.
        benchmark: Data set whose published figures the order is compared with; None where no row has any.
        outcomes: One a row.
        pairs: Pairs of rows whose published figures differ.
        reversals: Those that stand in another order here.
    """

    table: Table
    dataset: str
    share: float
    seeds: Sequence[int]
    queries: int
    vehicles: int
    draws: int
    benchmark: str | None
    outcomes: Sequence[Outcome]
    pairs: int
    reversals: Sequence[Reversal]


def result_of(
    table: Table,
    experiment: Experiment,
    runs: Mapping[str, Sequence[Run]],
    masks: Mapping[str, Sequence[Mapping[str, float]]],
) -> Result:
    """Put the runs of a table together.

    Args:
        table: The table.
        experiment: What its runs share.
        runs: Label of a row -> its runs, of the same seeds each.
        masks: Label of a row that has part masks of its own -> their measures, one mapping a seed.

    Raises:
        ValueError: Runs asked different queries.
    """
    first = runs[table.reference][0]
    for run in itertools.chain(*runs.values()):
        if not np.array_equal(run.queries, first.queries):
            raise ValueError(
                f"{run.model}, seed {run.seed}: its queries are not those of {first.model}, seed {first.seed}"
            )
    dataset, bootstrap = experiment.workspace.dataset, experiment.evaluation.bootstrap
    draws = int(first.metrics.get("draws", {}).get("count", 1))
    benchmark = dataset if dataset in table.benchmarks else next(iter(table.benchmarks), None)
    outcomes = [_outcome(row, table.reference, runs, masks.get(row.label, ()), bootstrap) for row in table.rows]
    pairs = _published_pairs(table.rows, benchmark)
    reversals = []
    for better, worse, measure, published in pairs:
        ours = difference(runs[better.label], runs[worse.label], measure, bootstrap)
        if ours.mean <= 0:
            reversals.append(Reversal(better, worse, measure, published, ours))
    return Result(
        table,
        dataset,
        experiment.share,
        [run.seed for run in runs[table.reference]],
        len(first.queries) // draws,
        len(np.unique(first.vehicles)),
        draws,
        benchmark,
        outcomes,
        len(pairs),
        reversals,
    )


def difference(first: Sequence[Run], second: Sequence[Run], measure: str, bootstrap: BootstrapParams) -> Difference:
    """How far the first model is above the second.

    Args:
        first: Its runs.
        second: Runs of the other, of the same queries.
        measure: A key of `MEASURES`.
        bootstrap: Of the interval: drawings of vehicles with replacement.
    """
    one, other = (np.stack([MEASURES[measure](run) for run in runs]) for runs in (first, second))
    return paired_difference(one, other, first[0].vehicles, bootstrap.samples, bootstrap.seed)


def excludes_zero(difference: Difference) -> bool:
    """Whether the interval lies on one side of 0."""
    return difference.interval is not None and not difference.interval[0] <= 0 <= difference.interval[1]


def _outcome(
    row: Row,
    reference: str,
    runs: Mapping[str, Sequence[Run]],
    masks: Sequence[Mapping[str, float]],
    bootstrap: BootstrapParams,
) -> Outcome:
    own = runs[row.label]
    figures = {name: spread([float(values(run).mean()) for run in own]) for name, values in MEASURES.items()}
    alike = [value for run in own if (value := _alike(run)) is not None]
    if len(alike) == len(own):
        figures[ALIKE] = spread(alike)
    other = None if row.label == reference else difference(own, runs[reference], "mAP", bootstrap)
    known = [name for name in (masks[0] if masks else ()) if all(name in each for each in masks)]
    return Outcome(row, figures, other, {name: spread([each[name] for each in masks]) for name in known})


def _alike(run: Run) -> float | None:
    """The mAP among look-alikes; None where the metrics have none."""
    value = (run.metrics.get("alike") or {}).get("mAP")
    return None if value is None else float(value)


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of a figure over seeds."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, tuple(values))


def _published_pairs(rows: Sequence[Row], benchmark: str | None) -> list[tuple[Row, Row, str, float]]:
    """Pairs of rows from one source that differ in the paper: the better, the worse, by which measure, and how far."""
    pairs = []
    for one, other in itertools.combinations([row for row in rows if benchmark in row.published], 2):
        compared = _compared(one.published[str(benchmark)], other.published[str(benchmark)])
        if one.source == other.source and compared is not None:
            measure, points = compared
            better, worse = (one, other) if points > 0 else (other, one)
            pairs.append((better, worse, measure, abs(points)))
    return pairs


def _compared(one: Published, other: Published) -> tuple[str, float] | None:
    """The first measure that both have, and how far the first is above the second; None where they are equal."""
    figures = {"mAP": (one.mAP, other.mAP), "rank-1": (one.rank_1, other.rank_1)}
    for measure, (first, second) in figures.items():
        if first is not None and second is not None:
            return None if first == second else (measure, first - second)
    return None
