"""Reads `data/raw/<dataset>/` and reports what is wrong with it; writes nothing but what `--json` asks for."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from pipeline.datasets.adapters import PrepareParams
from pipeline.doctor.check import check_data_set
from pipeline.doctor.findings import report_lines
from pipeline.store import params
from pipeline.store.files import write_json
from stages.command import PATH, stage

STYLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "title": {"bold": True},
    "soft": {"dim": True},
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "note": {"fg": "blue"},
}


@stage
@click.option("--dataset", required=True, help="Data set whose overrides apply.")
@click.option("--source", type=PATH, help="The data set's folder.  [default: data/raw/DATASET]")
@click.option("--json", "json_path", type=PATH, help="Also write counts and findings to this file.")
def check(params_path: Path, dataset: str, source: Path | None, json_path: Path | None) -> None:
    """Look a data set over before it is prepared; exit status 1 if it has an error."""
    values = params.load(params_path, "prepare", PrepareParams, dataset=dataset)
    folder = source or Path("data/raw") / dataset
    report = check_data_set(folder, values, _progress)
    click.secho(f"{dataset}: {folder}, read by the adapter {values.adapter}", bold=True)
    for line in report_lines(report):
        click.echo("".join(click.style(text, **STYLES[tone]) for text, tone in line))
    if json_path is not None:
        write_json(json_path, {"dataset": dataset, "adapter": values.adapter, **asdict(report)})
    if report.count("error"):
        raise SystemExit(1)


def _progress(paths: Iterable[str], count: int) -> Iterable[str]:
    bar: Iterable[str] = tqdm(paths, total=count, unit="image", mininterval=1, disable=None, leave=False)
    return bar


if __name__ == "__main__":
    check()
