"""A result in words and as Markdown: figures of the paper beside ours, in percent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.ablations.comparison import Difference
from pipeline.ablations.results import Result, Reversal, Spread, excludes_zero
from pipeline.ablations.rows import BENCHMARKS, Row

NONE = "–"
NAMES = ("mAP", "rank-1", "rank-5")
"""Of the figures of `Published`, in order."""
ABOUT_MASKS = (
    "The part masks themselves, in percent: intersection over union of the visible views with the true ones, where "
    "they are known, and how often a viewpoint read off the area ratios is the labelled one. A mask of a view that the "
    "image does not show costs the former nothing; the latter suffers."
)


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        heads: One a column.
        rows: As many cells each.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def grid(result: Result) -> Grid:
    """Every row with its model, the paper's figures, ours, and how far it is above the reference."""
    table = result.table
    measured = list(dict.fromkeys(name for outcome in result.outcomes for name in outcome.figures))
    published = [_published_head(table.rows, name) for name in table.benchmarks]
    heads = ["", "model", *published, *(f"{name}, {result.dataset}" for name in measured)]
    rows = []
    for outcome in result.outcomes:
        cells = [outcome.row.label, outcome.row.model]
        cells += [_published_cell(outcome.row, table.rows, name) for name in table.benchmarks]
        cells += [_figure(outcome.figures.get(name)) for name in measured]
        rows.append([*cells, NONE if outcome.difference is None else difference_text(outcome.difference)])
    return Grid([*heads, f"mAP above {table.reference}, 95 %"], rows)


def mask_grid(result: Result) -> Grid | None:
    """How good the part masks are of every row that made its own; None where no row did."""
    rows = [outcome for outcome in result.outcomes if outcome.masks]
    measured = list(dict.fromkeys(name for outcome in rows for name in outcome.masks))
    cells = [[outcome.row.label, *(_figure(outcome.masks.get(name)) for name in measured)] for outcome in rows]
    return Grid(["part masks of", *measured], cells) if rows else None


def _columns(rows: Sequence[Row], benchmark: str) -> list[int]:
    """Which of the three published figures any row has."""
    figures = [row.published[benchmark].figures for row in rows if benchmark in row.published]
    return [index for index in range(len(NAMES)) if any(each[index] is not None for each in figures)]


def _published_head(rows: Sequence[Row], benchmark: str) -> str:
    names = " / ".join(NAMES[index] for index in _columns(rows, benchmark))
    return f"paper, {BENCHMARKS[benchmark]}: {names}"


def _published_cell(row: Row, rows: Sequence[Row], benchmark: str) -> str:
    if benchmark not in row.published:
        return NONE
    figures = [row.published[benchmark].figures[index] for index in _columns(rows, benchmark)]
    return " / ".join(NONE if figure is None else f"{figure:.1f}" for figure in figures)


def _figure(figure: Spread | None) -> str:
    if figure is None:
        return NONE
    deviation = "" if figure.deviation is None else f" ± {100 * figure.deviation:.1f}"
    return f"{100 * figure.mean:.1f}{deviation}"


def difference_text(difference: Difference) -> str:
    """A difference in points with its interval."""
    ends = difference.interval
    interval = "" if ends is None else f" ({100 * ends[0]:+.1f} to {100 * ends[1]:+.1f})"
    return f"{100 * difference.mean:+.1f}{interval}"


def conditions(result: Result) -> str:
    """On what, and how often, was measured."""
    where = "the test split" if not result.share else f"{100 * result.share:g} % of the training vehicles, held out,"
    seeds = f"seed {result.seeds[0]}" if len(result.seeds) == 1 else f"seeds {result.seeds[0]} to {result.seeds[-1]}"
    each = f" in each of {result.draws} draws" if result.draws > 1 else ""
    asked = f"{result.queries:,} queries of {result.vehicles:,} vehicles{each}"
    return (
        f"Ours: {where} of {result.dataset}, {asked}, {seeds}. "
        "All figures in percent; ± is the standard deviation over seeds. A difference is that of each query's average "
        "precision, averaged over the seeds; its interval comes from drawing vehicles with replacement, so it says how "
        "far other vehicles would move it, and nothing of other trainings."
    )


def order(result: Result) -> str:
    """Whether rows stand in the paper's order."""
    if result.benchmark is None or not result.pairs:
        return "The paper prints no figures of these rows to compare their order with."
    agreeing = result.pairs - len(result.reversals)
    name = BENCHMARKS[result.benchmark]
    several = "pair" if result.pairs == 1 else "pairs"
    end = "; in another order:" if result.reversals else "."
    return (
        f"Of {result.pairs} {several} of rows that differ in the paper's figures on {name}, {agreeing} stand in the "
        f"same order here{end}"
    )


def reversal_text(reversal: Reversal) -> str:
    """One pair that stands in another order, and whether its interval excludes 0."""
    ours = reversal.ours
    if ours.interval is None:
        verdict = "there is no interval"
    elif excludes_zero(ours):
        verdict = "the interval excludes 0: the order is another on these vehicles"
    else:
        verdict = "the interval holds 0: these vehicles do not tell the two apart"
    better, worse, measure = reversal.better.label, reversal.worse.label, reversal.measure
    above = f"{better} is {reversal.published:.1f} points of {measure} above {worse} in the paper"
    return f"{above}, here {difference_text(ours)}; {verdict}."


def notes(result: Result) -> list[str]:
    """Notes on single rows."""
    rows = result.table.rows
    own = [row for row in rows if row.upstream]
    changed = [f"{row.label}: {changes}." for row in own if (changes := ", ".join(_changes(row.upstream)))]
    if own:
        named = ", ".join(row.label for row in own)
        changed = [f"A SPAN of its own was trained for each seed of: {named}.", *changed]
    sources = [f"{row.label}: figures of {row.source}." for row in rows if row.source and row.published]
    return [*changed, *sources, *(f"{row.label}: {row.note}." for row in rows if row.note)]


def _changes(values: Mapping[str, Any], *above: str) -> Iterator[str]:
    """What is laid over the parameters, a value each: its keys and itself."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _changes(value, *above, key)
        else:
            yield f"{'.'.join((*above, key))} is {value}"


def file_name(result: Result) -> str:
    """Name of the result's files, without an ending."""
    return f"{result.table.name}_held_out" if result.share else result.table.name


def command(result: Result) -> str:
    """The command line that makes the table again."""
    held_out = "" if result.share == result.table.held_out else f" --held-out {result.share:g}"
    return (
        f"reid ablations --dataset {result.dataset} --table {result.table.name} --seeds {len(result.seeds)}{held_out}"
    )


def markdown(result: Result, remarks: str, charts: Mapping[str, str]) -> str:
    """The result as a Markdown document.

    Args:
        result: What to say.
        remarks: Markdown written by hand, put in as it is; "" for none.
        charts: Name of a picture beside it -> its title.
    """
    table, masks = result.table, mask_grid(result)
    blocks = [
        f"# {table.title}",
        f"{table.source}. {table.caption}",
        conditions(result),
        _piped(grid(result)),
        "" if masks is None else f"{ABOUT_MASKS}\n\n{_piped(masks)}",
        "\n".join(f"- {note}" for note in notes(result)),
        *(f"![{table.title}: {title}]({file})" for file, title in charts.items()),
        order(result),
        "\n".join(f"- {reversal_text(reversal)}" for reversal in result.reversals),
        remarks.strip(),
        f"Made by `{command(result)}`; remarks belong in `notes/{file_name(result)}.md`, which is put in above.",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _piped(shown: Grid) -> str:
    """A grid as a table of Markdown."""
    rule = ["---"] * len(shown.heads)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (shown.heads, rule, *shown.rows))
