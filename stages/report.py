"""Build the report: one page that shows artifacts, metrics, curves and rankings of every data set and model listed.

Reads, below `data`, `images`, `truth`, `grabcut`, `foreground`, `parts`, `part_masks`, `quality`, `attention`,
`evaluation` and `history`; writes `data/report/index.html`.
"""

import click

from pipeline.report.page import build_page
from pipeline.report.sources import ReportParams
from pipeline.store.files import atomic_directory
from pipeline.store.places import Workspace
from stages.command import stage


@stage
def report(workspace: Workspace) -> None:
    """Write one self-contained page."""
    listed = workspace.document()
    values = workspace.load("report", ReportParams)
    page = build_page(workspace.root, listed["datasets"], listed["models"], values, listed["across"])
    with atomic_directory(output := workspace.path("report")) as folder:
        (folder / "index.html").write_text(page, encoding="utf-8")
    click.echo(f"{output / 'index.html'}: {len(page.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    report()
