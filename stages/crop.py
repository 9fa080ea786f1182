"""Cuts vehicles out of whole frames, for a look before `prepare` does the same. No stage of the DAG: run it by hand.

Reads `data/raw/<dataset>/`, a data set of the adapter `frames`; writes a folder of crops with `images.csv`, which the
adapter `table` reads, and `sheet.jpg`.
"""

from pathlib import Path

import click

from pipeline.datasets.adapters import PrepareParams, read_data_set
from pipeline.doctor.crops import SHEET, write_crops
from pipeline.store.places import Workspace
from stages.command import Output, dataset_option, progress, stage


@stage
@dataset_option
@click.option("--output", type=Output(folder=True), default=Path("crops"), show_default=True, help="Folder to write.")
def crop(workspace: Workspace, output: Path) -> None:
    """Cut the boxes of a data set's frames out and show some of them."""
    params = workspace.load("prepare", PrepareParams)
    if params.adapter != "frames":
        raise ValueError(f"prepare.adapter: expected frames for {workspace.dataset}, got {params.adapter!r}")
    found = read_data_set(workspace.path("raw"), params)
    for remark in found.remarks:
        click.echo(f"{workspace.dataset}: {remark}")
    write_crops(output, found, progress)
    tracks = len({record.groups["track"] for record in found.records} - {""})
    click.echo(f"{output}: {len(found.records)} crops of {tracks} tracks; look at {output / SHEET}")


if __name__ == "__main__":
    crop()
