"""Build the report: one page that shows artifacts, metrics, curves and rankings of every data set and model listed.

Reads, below `--data`, `images`, `truth`, `grabcut`, `foreground`, `parts`, `part_masks`, `quality`, `evaluation` and
`history`; writes `index.html` into `--output`.
"""

from pathlib import Path

import click

from pipeline.report.page import build_page
from pipeline.report.sources import ReportParams
from pipeline.store import params
from pipeline.store.files import atomic_directory
from stages.command import PATH, stage


@stage
@click.option("--data", required=True, type=PATH, help="Folder of all stages' outputs.")
@click.option("--output", required=True, type=PATH, help="Folder to write the page into.")
def report(data: Path, output: Path, params_path: Path) -> None:
    """Write one self-contained page."""
    values = params.load(params_path, "report", ReportParams)
    listed = params.read(params_path)
    page = build_page(data, listed["datasets"], listed["models"], values)
    with atomic_directory(output) as folder:
        (folder / "index.html").write_text(page, encoding="utf-8")
    click.echo(f"{output / 'index.html'}: {len(page.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    report()
