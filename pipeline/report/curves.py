"""Curves of the report: cumulative matching, and the losses of every training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.report.charts import Axis, Chart, Series, axis, line_chart
from pipeline.report.sources import Sources
from pipeline.store.files import read_csv
from pipeline.store.words import counted


@dataclass(frozen=True)
class Curves:
    """A chart under its title.

    Attributes:
        title: What it shows.
        note: Its values in short; "" for none.
        chart: The chart.
    """

    title: str
    note: str
    chart: Chart


def matching_curves(sources: Sources, ranks: int = 20) -> Curves | None:
    """Cumulative matching curves of all models of one data set; None where nothing could be scored.

    Args:
        sources: The data set's files.
        ranks: Highest rank shown.
    """
    lines = []
    for model in sources.models:
        rows = sources.curve(model)[:ranks]
        lines.append(Series(model, [float(row["rank"]) for row in rows], [100 * float(row["rate"]) for row in rows]))
    if not any(line.y for line in lines):
        return None  # identities are withheld
    least = min((min(line.y) for line in lines if line.y), default=0.0)
    step = 20 if least < 60 else 10
    floor = min(step * int(least // step), 100 - 2 * step)
    y = Axis("queries with a hit so far (%)", floor, 100, list(range(floor, 101, step)))
    longest = max((int(line.x[-1]) for line in lines if line.x), default=1)
    x = Axis("rank", 1, max(longest, 2), sorted({1, *range(5, longest + 1, 5), longest}))
    values = ", ".join(f"{line.name} {line.y[0]:.1f} % at rank 1" for line in lines if line.y)
    return Curves(sources.name, "", line_chart(lines, x, y, f"Cumulative matching on {sources.name}: {values}"))


def training_curves(history: Path, datasets: Sequence[str], models: Sequence[str]) -> list[Curves]:
    """One small chart per training: its loss by epoch, and the losses it is the sum of.

    Args:
        history: Folder of the trainings' CSV files, searched deeply.
        datasets: Data sets of this run; trainings on others are left out.
        models: Models of this run; likewise.
    """
    curves = []
    for path in sorted(history.rglob("*.csv")):
        parts = path.relative_to(history).with_suffix("").parts
        if len(parts) > 1 and parts[1] not in datasets or len(parts) > 2 and parts[2] not in models:
            continue
        rows = read_csv(path, "epoch")
        if rows:
            curves.append(_losses(" · ".join(parts), rows))
    return curves


def _losses(title: str, rows: list[dict[str, str]]) -> Curves:
    names = [name for name in rows[0] if name not in ("epoch", "learning_rate")]
    if len(names) == 2:  # the sum and its only term
        names = ["loss"]
    lines = [_column(rows, name) for name in names]
    y = axis("loss (mean of an epoch)", [value for line in lines for value in line.y])
    x = axis("epochs", lines[0].x, whole=True)
    totals = lines[0].y
    note = f"{counted(len(rows), 'epoch')}, {totals[0]:.3g} → {totals[-1]:.3g}"
    return Curves(title, note, line_chart(lines, x, y, f"Loss of {title}: {note}"))


def _column(rows: list[dict[str, str]], name: str) -> Series:
    """One loss by epoch, where it was computed: some trainings have a first phase with a loss of its own."""
    known = [row for row in rows if row[name]]
    return Series(
        name.replace("_", " "), [float(row["epoch"]) + 1 for row in known], [float(row[name]) for row in known]
    )
