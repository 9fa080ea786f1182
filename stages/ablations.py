"""Trains the models of the papers' tables over seeds and lays ours beside the papers' figures. No stage of the DAG.

Reads: data/images/<dataset>.h5 and, where a model needs them, data/parts/<dataset>.h5 and
data/part_masks/<dataset>.h5; where a row trains a SPAN of its own, data/foreground/<dataset>.h5 and, to measure its
masks, data/truth/<dataset>.h5.
Writes: docs/tables/<table>.md with its charts, and data/tables/<dataset>/<table>.html; keeps every run in
.scratch/ablations/<dataset>/<model>/ and every row's own part masks in .scratch/ablation_masks/<dataset>/, so that a
further call goes on where the last one ended.
"""

from pathlib import Path

import click

from pipeline.ablations.experiment import open_experiment
from pipeline.ablations.plan import Left, costs_of, left_line, plan_lines
from pipeline.ablations.steps import steps_of
from pipeline.ablations.tables import TABLES
from pipeline.ablations.writing import write_table
from pipeline.store import params
from pipeline.store.places import Workspace
from stages.command import FiniteRange, Output, dataset_option, stage

ALL = "all"


@stage
@dataset_option
@click.option("--table", "name", required=True, type=click.Choice([*TABLES, ALL]), help="Table to reproduce, or all.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Trainings of each model.")
@click.option(
    "--held-out",
    type=FiniteRange(0, 1, max_open=True),
    show_default="0.3 in sweeps of SPAN's values, else 0",
    help="Share of the training vehicles to measure on instead of the test split; to choose values, use this.",
)
@click.option("--keep", is_flag=True, help="Keep weights and features of runs trained now.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what is done and what is left, and train nothing.")
@click.option(
    "--documents", type=Output(folder=True), help="Folder of the Markdown documents.  [default: ROOT/docs/tables]"
)
def ablations(
    workspace: Workspace,
    name: str,
    seeds: int,
    held_out: float | None,
    keep: bool,
    only_plan: bool,
    documents: Path | None,
) -> None:
    """Reproduce tables of the papers: each row's model over several seeds, beside the published figures."""
    tables = list(TABLES.values()) if name == ALL else [TABLES[name]]
    shares = {table.name: table.held_out if held_out is None else held_out for table in tables}
    experiments = {share: open_experiment(workspace, share) for share in dict.fromkeys(shares.values())}
    document = params.read(workspace.parameters)
    steps = {table.name: steps_of(experiments[shares[table.name]], table, document, seeds) for table in tables}
    left = Left()
    for table in tables:
        experiment = experiments[shares[table.name]]
        if only_plan:
            click.echo("\n".join([*plan_lines(experiment, table, steps[table.name], left), ""]))
        else:
            folder = documents or workspace.root / "docs/tables"
            for path in write_table(experiment, table, steps[table.name], folder, click.echo, keep=keep):
                click.echo(str(path))
    if only_plan:
        click.echo(left_line(left, costs_of(workspace.root, workspace.dataset)))


if __name__ == "__main__":
    ablations()
