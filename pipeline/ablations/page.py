"""A result as files: a Markdown document with its chart, and a page that opens without a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.ablations import text
from pipeline.ablations.mask_quality import IOU
from pipeline.ablations.pictures import MaskSheet
from pipeline.ablations.results import Outcome, Result, Spread
from pipeline.ablations.rows import BENCHMARKS
from pipeline.report.charts import Axis, Chart, Series, axis, line_chart
from pipeline.report.page import TEMPLATES as SHARED_TEMPLATES
from pipeline.store.files import atomic, target_of
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
        name: What ends the name of its own file; None where it stands in the page alone.
    """

    title: str
    chart: Chart
    name: str | None = None


def write_result(result: Result, sheet: MaskSheet | None, documents: Path, pages: Path) -> list[Path]:
    """Write a result, each file whole or not at all.

    Args:
        result: What to say.
        sheet: Pictures of part masks, for the page; None for none.
        documents: Folder of ``<table>.md`` and, for a sweep, ``<table>.svg``, with ``<table>_masks.svg`` where rows
            have part masks of their own. What ``notes/<table>.md`` in it holds is put into both the document and the
            page as it is.
        pages: Folder of ``<table>.html``. Of figures on vehicles held out of the training, all these names end in
            ``_held_out``.

    Returns:
        What was written.
    """
    name = text.file_name(result)
    notes = documents / NOTES / f"{name}.md"
    remarks = notes.read_text(encoding="utf-8") if notes.exists() else ""
    figures = charts(result)
    pictures = {f"{name}{shown.name}.svg": shown for shown in figures if shown.name is not None}
    written = {
        documents / f"{name}.md": text.markdown(
            result, remarks, {file: shown.title for file, shown in pictures.items()}
        ),
        **{documents / file: _rendered("figure.svg", chart=shown.chart) for file, shown in pictures.items()},
        pages / f"{name}.html": page(result, remarks, figures, sheet),
    }
    for path in written:
        target_of(path)  # all or none
    for path, content in written.items():
        with atomic(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return list(written)


def page(result: Result, remarks: str, figures: Sequence[Figure], sheet: MaskSheet | None) -> str:
    """The result as one HTML document.

    Args:
        result: What to say.
        remarks: Text written by hand; "" for none.
        figures: Its charts.
        sheet: Pictures of part masks; None for none.
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
        mask_grid=text.mask_grid(result),
        masks_measured=text.ABOUT_MASKS,
        sheet=sheet,
    )


def charts(result: Result) -> list[Figure]:
    """What was measured over what the rows vary, and the paper's mAP where it prints two or more; none without.

    Ours are the mAP and, where rows have part masks of their own and their truth is known, the masks' overlap with it.
    """
    varied = sorted((outcome for outcome in result.outcomes if outcome.row.value is not None), key=_value)
    if len(varied) < 2:
        return []
    places, about = [_value(outcome) for outcome in varied], result.table.varied
    lines = _lines([outcome.figures["mAP"] for outcome in varied], places)
    found = [Figure(f"Ours, {result.dataset}", _chart(lines, places, about, "mAP"), "")]
    if all(IOU in outcome.masks for outcome in varied):
        lines = _lines([outcome.masks[IOU] for outcome in varied], places)
        found.append(Figure(f"Part masks, {result.dataset}", _chart(lines, places, about, IOU), "_masks"))
    rows = [outcome.row for outcome in varied]
    printed = [
        (row.value, row.published[str(result.benchmark)].mAP) for row in rows if result.benchmark in row.published
    ]
    points = [(place, figure) for place, figure in printed if place is not None and figure is not None]
    if len(points) > 1:
        line = Series("paper", [place for place, _ in points], [figure for _, figure in points])
        title = f"Paper, {BENCHMARKS[str(result.benchmark)]}"
        found.append(Figure(title, _chart([line], places, about, "mAP")))
    return found


def _lines(figures: Sequence[Spread], places: Sequence[float]) -> list[Series]:
    """Mean over seeds in percent, and the best and the worst of several."""
    lines = [Series("mean", places, [100 * figure.mean for figure in figures])]
    if len(figures[0].values) > 1:
        ends = {"best seed": max, "worst seed": min}
        lines += [Series(name, places, [100 * end(figure.values) for figure in figures]) for name, end in ends.items()]
    return lines


def _value(outcome: Outcome) -> float:
    value = outcome.row.value
    assert value is not None, "only rows of a sweep are drawn"
    return value


def _chart(lines: Sequence[Series], places: Sequence[float], varied: str, measure: str) -> Chart:
    """Lines over what varies; the vertical axis starts near the least value, so that differences are seen."""
    values = [value for line in lines for value in line.y]
    least = min(values)
    above = axis(f"{measure} (%)", [value - least for value in values], count=TICKS)
    floor = above.ticks[1] * (least // above.ticks[1])
    ticks = [floor + tick for tick in (*above.ticks, above.high + above.ticks[1])]
    y = Axis(f"{measure} (%)", ticks[0], ticks[-1], ticks)
    x = Axis(varied, places[0], places[-1], _apart(places))
    said = "; ".join(f"{line.name} {', '.join(f'{value:.1f}' for value in line.y)}" for line in lines)
    return line_chart(
        lines, x, y, f"{measure} in percent by {varied} ({', '.join(f'{place:g}' for place in places)}): {said}"
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
