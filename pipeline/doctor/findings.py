"""Findings about a data set, and the readable report made of them."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.store.words import counted

Level = Literal["error", "warning", "note"]

SECTIONS: dict[str, str] = {
    "table": "Table",
    "counts": "Counts",
    "images": "Image files",
    "duplicates": "Duplicates",
    "vehicles": "Vehicles",
    "cameras": "Cameras",
    "viewpoints": "Viewpoints",
    "parts": "Part annotation",
    "truth": "Ground truth",
    "run": "What the run does with it",
}
"""Section of a report -> its title, in the report's order."""

WIDTH = 100
"""Columns that sentences are wrapped to; paths are never broken."""


@dataclass(frozen=True)
class Finding:
    """One thing a reader should know.

    Attributes:
        section: A key of `SECTIONS`.
        level: ``error`` makes results wrong or stops `prepare`, ``warning`` costs quality, ``note`` informs.
        count: How many offenders there are.
        what: What they are, in words that follow the number.
        examples: Three of them at most.
        advice: One sentence on what to do.
    """

    section: str
    level: Level
    count: int
    what: str
    examples: tuple[str, ...]
    advice: str


def failing(stage: str, *why: str, advice: str) -> Finding:
    """A finding about a stage that cannot run on the data set, for these reasons."""
    shown = tuple(f"{stage}: {each}" for each in why[:3])
    return Finding("run", "error", len(why), "stage that fails on this data set", shown, advice)


@dataclass(frozen=True)
class CountRow:
    """Size of one split, or of the images with one role in a test set.

    Attributes:
        name: ``split`` or ``test set: role``.
        images: Images in it.
        vehicles: Known vehicles in it.
        cameras: Known cameras in it.
        official_images: Images the benchmark's authors count, None where unknown.
        official_vehicles: Vehicles they count, None where unknown.
    """

    name: str
    images: int
    vehicles: int
    cameras: int
    official_images: int | None
    official_vehicles: int | None


@dataclass(frozen=True)
class Report:
    """All that was found.

    Attributes:
        benchmark: Name of the benchmark the official figures are of, None where there are none.
        counts: Sizes.
        findings: In the order of the checks.
        remarks: What the data set's adapter noticed.
    """

    benchmark: str | None
    counts: list[CountRow]
    findings: list[Finding]
    remarks: list[str]

    def count(self, level: Level) -> int:
        """Number of findings of one level."""
        return sum(finding.level == level for finding in self.findings)


Segment = tuple[str, str]
"""Text and its tone: ``plain``, ``title``, ``soft``, or a level."""


def report_lines(report: Report) -> Iterator[list[Segment]]:
    """Lay a report out for a terminal, line by line, each line in segments of one tone."""
    for section, title in SECTIONS.items():
        found = [finding for finding in report.findings if finding.section == section]
        if not report.counts and not found:
            continue  # nothing was read, so nothing was checked
        yield []
        yield [(title, "title")]
        if section == "counts":
            yield from _count_lines(report)
        elif not found:
            yield [("  nothing to report", "soft")]
        for finding in found:
            yield from _finding_lines(finding)
    if report.remarks:
        yield []
        yield [("Remarks of the adapter", "title")]
        for remark in report.remarks:
            yield from _wrapped(remark, "  - ", "    ", "plain")
    yield []
    yield _summary(report)


def _count_lines(report: Report) -> Iterator[list[Segment]]:
    heads = ["", "images", "vehicles", "cameras"]
    rows = [[row.name, *map(_number, (row.images, row.vehicles, row.cameras))] for row in report.counts]
    if report.benchmark is not None:
        heads += [f"{report.benchmark}'s images", "vehicles"]
        official = [(row.official_images, row.official_vehicles) for row in report.counts]
        rows = [row + [_number(value) for value in pair] for row, pair in zip(rows, official, strict=True)]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row, tone in [(heads, "soft"), *((row, "plain") for row in rows)]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
        yield [("  " + "   ".join(cells).rstrip(), tone)]


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _finding_lines(finding: Finding) -> Iterator[list[Segment]]:
    yield [(f"  {finding.level:<8}", finding.level), (f"{finding.count:>9,}", "plain"), (f"  {finding.what}", "plain")]
    indent = " " * 21
    for example in finding.examples:
        yield [(f"{indent}- {example}", "soft")]
    yield from _wrapped(finding.advice, f"{indent}-> ", f"{indent}   ", "plain")


def _wrapped(text: str, first: str, others: str, tone: str) -> Iterator[list[Segment]]:
    lines = textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )
    yield from ([(line, tone)] for line in lines)


def _summary(report: Report) -> list[Segment]:
    segments: list[Segment] = []
    levels: Sequence[Level] = ("error", "warning", "note")
    for level in levels:
        number = report.count(level)
        text = counted(number, level)
        segments += [(text, level if number else "soft"), (", ", "plain")]
    verdict = "the data set cannot be used as it is" if report.count("error") else "the data set can be used"
    return [*segments[:-1], (f": {verdict}", "plain")]
