"""Reads `data/raw/<dataset>/` and reports what is wrong with it; writes nothing but what `--json` asks for."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pipeline.datasets.adapters import PrepareParams
from pipeline.doctor.check import check_data_set
from pipeline.doctor.evaluation import Measures
from pipeline.doctor.findings import report_lines
from pipeline.doctor.stages import Plan
from pipeline.store.files import write_json
from pipeline.store.listed import check_names, lenders, listed
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
    from pipeline.description.trial import lacking, refused
    from pipeline.reid.params import load_model

    of_the_set: dict[str, Any] = {
        name: workspace.load(name, cls) for name, cls in SECTIONS.items() if name != "train_reid"
    }
    document, path, dataset = read(workspace.parameters), workspace.parameters, workspace.dataset
    check_names(document, path)
    data_sets, lent, evaluation = listed(document, path, "datasets"), lenders(document, path), of_the_set["evaluate"]
    run = listed(document, path, "models") if dataset in data_sets else []
    models = {name: load_model(path, dataset, name) for name in run}
    return Plan(
        data_set=dataset,
        data_sets=data_sets,
        lenders=lent,
        vehicles_per_batch={name: model.training.identities_per_batch for name, model in models.items()},
        evaluate=Measures(*(getattr(evaluation, name) for name in Measures._fields)),
        refused=refused(of_the_set, models, [stage for stage, lender in lent.items() if lender == dataset]),
        elsewhere=lacking(of_the_set["runtime"]),
    )


if __name__ == "__main__":
    check()
