"""Damages artifacts, weights and folders, kills stages and workers, counts what holds, and times the checksums.

Writes the table of `docs/reliability.md` anew. Everything is made on the spot, in a temporary folder.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from benchmarks.page import put
from benchmarks.reliability import checksum_costs, damage, killed_stages, lost_workers
from benchmarks.reliability.cases import Case

PAGE = Path("docs/reliability.md")


def all_cases(folder: Path) -> Iterator[Case]:
    """Every case, one after the other; each must be tried before the next is asked for."""
    for name in ("run", "damaged"):
        (folder / name).mkdir()
    yield from killed_stages.trials(folder / "run")
    yield from lost_workers.cases()
    yield from damage.cases(folder / "damaged")


def table(cases: Iterable[Case]) -> list[str]:
    """Try cases and count by group what held; what did not is said at once."""
    tried: dict[str, list[bool]] = {}
    for case in cases:
        tried.setdefault(case.group, []).append(held := case.holds())
        if not held:
            click.echo(f"does not hold: {case.group}: {case.what}", err=True)
    lines = ["| damage | tried | held |", "|---|---|---|"]
    lines += [f"| {group} | {len(held)} | {sum(held)} |" for group, held in tried.items()]
    return [*lines, f"| all | {sum(map(len, tried.values()))} | {sum(map(sum, tried.values()))} |"]


@click.command()
@click.option("--megabytes", default=100, show_default=True, help="Size of the files timed.")
@click.option(
    "--stage",
    "stages",
    type=click.Choice(killed_stages.STAGES),
    multiple=True,
    help="Stage to try, for a look at its rows alone; the page is left as it is.",
)
def reliability(megabytes: int, stages: tuple[str, ...]) -> None:
    """Try every case, time the checksums, and write the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = table(killed_stages.trials(folder, stages) if stages else all_cases(folder))
        if not stages:
            lines += ["", *checksum_costs.rows(folder, megabytes)]
            put(PAGE, "the table", "\n".join(lines))
    click.echo("\n".join(lines))


if __name__ == "__main__":
    reliability()
