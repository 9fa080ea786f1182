"""Trains the models of a paper's table over seeds and lays ours beside the paper's figures. No stage of the DAG.

Reads: data/images/<dataset>.h5 and, where a model needs them, data/parts/<dataset>.h5 and
data/part_masks/<dataset>.h5.
Writes: docs/tables/<table>.md with its chart, and data/tables/<dataset>/<table>.html; keeps every run in
.scratch/ablations/<dataset>/<model>/, so that a further call goes on where the last one ended.
"""

from pathlib import Path

import click

from pipeline.ablations.page import write_result
from pipeline.ablations.results import result_of
from pipeline.ablations.runs import load_models, open_experiment, run_all
from pipeline.ablations.tables import TABLES
from pipeline.store.places import Workspace
from stages.command import PATH, dataset_option, stage


@stage
@dataset_option
@click.option("--table", "name", required=True, type=click.Choice(list(TABLES)), help="Table to reproduce.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Trainings of each model.")
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Share of the training vehicles to measure on instead of the test split; to choose values, use this.",
)
@click.option("--keep", is_flag=True, help="Keep weights and features of runs trained now.")
@click.option("--documents", type=PATH, help="Folder of the Markdown document.  [default: ROOT/docs/tables]")
def ablations(workspace: Workspace, name: str, seeds: int, held_out: float, keep: bool, documents: Path | None) -> None:
    """Reproduce a table of the papers: each row's model over several seeds, beside the published figures."""
    table = TABLES[name]
    models = load_models(workspace, table)
    experiment = open_experiment(workspace, held_out)
    runs = run_all(experiment, models, seeds, click.echo, keep=keep)
    result = result_of(table, experiment, runs)
    pages = workspace.root / "data/tables" / workspace.dataset
    for path in write_result(result, documents or workspace.root / "docs/tables", pages):
        click.echo(str(path))


if __name__ == "__main__":
    ablations()
