"""Prints what a run found: figures of every model on every data set, and where the report is."""

import click

from pipeline.report.sources import Sources
from pipeline.retrieval.output import outcome
from pipeline.store import params
from pipeline.store.listed import listed
from pipeline.store.places import Workspace
from stages.command import stage


@stage
def summary(workspace: Workspace) -> None:
    """Say in a line per model how well vehicles were found."""
    document = params.read(workspace.parameters)
    models = listed(document, workspace.parameters, "models")
    for dataset in listed(document, workspace.parameters, "datasets"):
        sources = Sources(workspace.root, dataset, models)
        for model in models:
            click.echo(f"{dataset}  {model:{max(map(len, models))}}  {outcome(sources.metrics(model))}")
    click.echo(f"\nReport: {workspace.existing('report').resolve() / 'index.html'}")


if __name__ == "__main__":
    summary()
