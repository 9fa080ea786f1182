"""Reads `data/raw/<dataset>/` and reports what is wrong with it; writes nothing but what `--json` asks for."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pipeline.datasets.adapters import PrepareParams
from pipeline.doctor.check import check_data_set
from pipeline.doctor.findings import report_lines
from pipeline.doctor.stages import Plan
from pipeline.store.files import write_json
from pipeline.store.params import read
from pipeline.store.places import Workspace
from stages.command import Output, dataset_option, printable, progress, stage

STYLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "title": {"bold": True},
    "soft": {"dim": True},
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "note": {"fg": "blue"},
}


@stage
@dataset_option
@click.option("--json", "json_path", type=Output(".json"), help="Also write counts and findings to this file.")
def check(workspace: Workspace, json_path: Path | None) -> None:
    """Look a data set over before it is prepared; exit status 1 if it has an error."""
    params = workspace.load("prepare", PrepareParams)
    folder = workspace.path("raw")
    report = check_data_set(folder, params, progress, _plan(workspace))
    click.secho(f"{workspace.dataset}: {folder}, read by the adapter {params.adapter}", bold=True)
    for line in report_lines(report):
        click.echo("".join(click.style(printable(text), **STYLES[tone]) for text, tone in line))
    if json_path is not None:
        write_json(json_path, {"dataset": workspace.dataset, "adapter": params.adapter, **asdict(report)})
    if report.count("error"):
        raise SystemExit(1)


def _plan(workspace: Workspace) -> Plan:
    """What the run does with the data set; reading it checks every section that its stages will read."""
    from pipeline.description.sections import SECTIONS  # here, because they bring torch, which takes seconds
    from pipeline.reid.params import load_model

    sections = [name for name in SECTIONS if name not in ("runtime", "report", "train_reid")]
    of_the_set: dict[str, Any] = {name: workspace.load(name, SECTIONS[name]) for name in sections}
    document = read(workspace.parameters)
    data_sets = document["datasets"]
    listed = document["models"] if workspace.dataset in data_sets else []
    models = {name: load_model(workspace.parameters, workspace.dataset, name) for name in listed}
    batches = {name: model.training.identities_per_batch for name, model in models.items()}
    lenders = {name: of_the_set[name].dataset for name in ("train_detector", "train_span")}
    return Plan(of_the_set["evaluate"].protocol, batches, workspace.dataset, data_sets, lenders)


if __name__ == "__main__":
    check()
