"""A result as files: a Markdown document with its chart, and a page that opens without a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.ablations import text
from pipeline.ablations.results import Outcome, Result
from pipeline.ablations.tables import BENCHMARKS
from pipeline.report.charts import Axis, Chart, Series, axis, line_chart
from pipeline.report.page import TEMPLATES as SHARED_TEMPLATES
from pipeline.store.files import atomic
from pipeline.store.pages import environment

TEMPLATES = Path(__file__).with_name("templates")
NOTES = "notes"
"""Folder of what is written by hand, beside the Markdown documents."""
TICKS = 5


@dataclass(frozen=True)
class Figure:
    """A chart under its title.

    Attributes:
        title: Whose figures it shows.
        chart: The chart.
    """

    title: str
    chart: Chart


def write_result(result: Result, documents: Path, pages: Path) -> list[Path]:
    """Write a result, each file whole or not at all.

    Args:
        result: What to say.
        documents: Folder of ``<table>.md`` and, for a sweep, ``<table>.svg``. What ``notes/<table>.md`` in it holds is
            put into both the document and the page as it is.
        pages: Folder of ``<table>.html``. Of figures on vehicles held out of the training, all these names end in
            ``_held_out``.

    Returns:
        What was written.
    """
    name = text.file_name(result)
    notes = documents / NOTES / f"{name}.md"
    remarks = notes.read_text(encoding="utf-8") if notes.exists() else ""
    figures = charts(result)
    pictures = {documents / f"{name}.svg": _rendered("figure.svg", chart=figures[0].chart)} if figures else {}
    written = {
        documents / f"{name}.md": text.markdown(result, remarks, f"{name}.svg" if figures else ""),
        **pictures,
        pages / f"{name}.html": page(result, remarks, figures),
    }
    for path, content in written.items():
        with atomic(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return list(written)


def page(result: Result, remarks: str, figures: Sequence[Figure]) -> str:
    """The result as one HTML document.

    Args:
        result: What to say.
        remarks: Text written by hand; "" for none.
        figures: Its charts.
    """
    return _rendered(
        "ablation.html",
        table=result.table,
        grid=text.grid(result),
        conditions=text.conditions(result),
        notes=text.notes(result),
        order=text.order(result),
        reversals=[text.reversal_text(reversal) for reversal in result.reversals],
        remarks=remarks.strip(),
        command=text.command(result),
        figures=figures,
    )


def charts(result: Result) -> list[Figure]:
    """The mAP over what the rows vary: ours, and the paper's where it prints two or more; none where nothing varies."""
    varied = sorted((outcome for outcome in result.outcomes if outcome.row.value is not None), key=_value)
    if len(varied) < 2:
        return []
    places = [_value(outcome) for outcome in varied]
    figures = [outcome.figures["mAP"] for outcome in varied]
    lines = [Series("mean", places, [100 * figure.mean for figure in figures])]
    if len(result.seeds) > 1:
        ends = {"best seed": max, "worst seed": min}
        lines += [Series(name, places, [100 * end(figure.values) for figure in figures]) for name, end in ends.items()]
    found = [Figure(f"Ours, {result.dataset}", _chart(lines, places, result.table.varied))]
    rows = [outcome.row for outcome in varied]
    printed = [
        (row.value, row.published[str(result.benchmark)].mAP) for row in rows if result.benchmark in row.published
    ]
    points = [(place, figure) for place, figure in printed if place is not None and figure is not None]
    if len(points) > 1:
        line = Series("paper", [place for place, _ in points], [figure for _, figure in points])
        found.append(Figure(f"Paper, {BENCHMARKS[str(result.benchmark)]}", _chart([line], places, result.table.varied)))
    return found


def _value(outcome: Outcome) -> float:
    value = outcome.row.value
    assert value is not None, "only rows of a sweep are drawn"
    return value


def _chart(lines: Sequence[Series], places: Sequence[float], varied: str) -> Chart:
    """Lines over what varies; the vertical axis starts near the least value, so that differences are seen."""
    values = [value for line in lines for value in line.y]
    least = min(values)
    above = axis("mAP (%)", [value - least for value in values], count=TICKS)
    floor = above.ticks[1] * (least // above.ticks[1])
    ticks = [floor + tick for tick in (*above.ticks, above.high + above.ticks[1])]
    y = Axis("mAP (%)", ticks[0], ticks[-1], ticks)
    x = Axis(varied, places[0], places[-1], _apart(places))
    said = "; ".join(f"{line.name} {', '.join(f'{value:.1f}' for value in line.y)}" for line in lines)
    return line_chart(
        lines, x, y, f"mAP in percent by {varied} ({', '.join(f'{place:g}' for place in places)}): {said}"
    )


def _apart(places: Sequence[float]) -> list[float]:
    """Those places whose numbers do not run into each other, the last one among them."""
    gap = (places[-1] - places[0]) / 12
    kept = [places[-1]]
    for place in reversed(places[:-1]):
        if kept[-1] - place >= gap:
            kept.append(place)
    return kept[::-1]


def _rendered(template: str, **values: object) -> str:
    return environment(TEMPLATES, SHARED_TEMPLATES).get_template(template).render(**values)
