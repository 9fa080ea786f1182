"""Build the report: one page that shows artifacts, metrics, curves and rankings of every data set and model listed.

Reads `data/digests` and what these list: below `data`, `images`, `truth`, `grabcut`, `foreground`, `parts`,
`part_masks`, `quality`, `attention`, `evaluation` and `history`; writes `data/report/index.html`.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pipeline.report.page import build_page
from pipeline.report.sources import ReportParams
from pipeline.sharing.shown import missing
from pipeline.store.files import atomic_directory
from pipeline.store.listed import across, listed
from pipeline.store.places import Workspace
from pipeline.store.words import counted
from stages.command import stage


@stage
def report(workspace: Workspace) -> None:
    """Write one self-contained page."""
    document = workspace.document()
    datasets, models = (listed(document, workspace.parameters, key) for key in ("datasets", "models"))
    pairs = across(document, workspace.parameters)
    values = workspace.load("report", ReportParams)
    if absent := missing(workspace.root, datasets, models, pairs):
        _pull(workspace.root, absent)
    page = build_page(workspace.root, datasets, models, values, pairs)
    with atomic_directory(output := workspace.path("report")) as folder:
        (folder / "index.html").write_text(page, encoding="utf-8")
    click.echo(f"{output / 'index.html'}: {len(page.encode()) / 1e6:.1f} MB")


def _pull(root: Path, paths: Sequence[str]) -> None:
    """Fetch what DVC did not, as these stages were up to date and it was the report alone that needed their outputs.

    Raises:
        RuntimeError: DVC did not find all of it.
    """
    click.echo(f"Pulling {counted(len(paths), 'file')} that the page shows: {', '.join(paths[:3])} ...")
    done = subprocess.run([sys.executable, "-m", "dvc", "pull", "--quiet", *paths], cwd=root, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{root / paths[0]}, and {len(paths) - 1} more, are missing, and `dvc pull` did not bring them"
        )


if __name__ == "__main__":
    report()
