"""Writes the values that every stage gets, put together from `params.yaml`, and the code each re-ID model is made of.

Reads: params.yaml, pipeline/reid/models, pipeline/reid/blocks.
Writes: data/params.
"""

from pathlib import Path

import click

from pipeline.settings.resolution import write_resolved
from pipeline.store.places import Workspace
from stages.command import stage

CODE = Path(__file__).parents[1]


@stage
def resolve_params(workspace: Workspace) -> None:
    """Put sections, models and overrides together, a file for each stage."""
    workspace.document()
    folder = workspace.path("params")
    count = write_resolved(folder, workspace.parameters, CODE)
    click.echo(f"{folder}: {count} files")


if __name__ == "__main__":
    resolve_params()
