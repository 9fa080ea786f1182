"""Writes a gallery as an index for FAISS, to be searched without this project. No stage of the DAG: run it by hand.

Reads the data set's images, its features by the model, the model, and the caches the model reads.
Writes: an index that `faiss.read_index` reads, and a CSV table of its entries beside it.
"""

from pathlib import Path

import click

from pipeline.reid.build import restore
from pipeline.search.gallery import by_tracks, open_gallery
from pipeline.search.index import write_index
from pipeline.store.places import Workspace
from stages.command import Output, dataset_option, model_option, stage

OUTPUT = Output()


@stage
@dataset_option
@model_option
@click.option("--tracks", metavar="COLUMN", help="Column of the table that names tracks, to index instead of images.")
@click.option("--factory", default="Flat", show_default=True, help="Kind of index, as faiss.index_factory has it.")
@click.option(
    "--output", type=OUTPUT, default=Path("gallery.faiss"), show_default=True, help="Index; the table is .csv."
)
def index(workspace: Workspace, tracks: str | None, factory: str, output: Path) -> None:
    """Write a data set's gallery as a FAISS index with its table."""
    table = output.with_suffix(".csv")
    if table == output:
        raise click.UsageError(f"--output: expected a name whose table is another file, got {output}")
    OUTPUT.check("--output", table, workspace)
    network, metadata = restore(workspace.existing("reid"), workspace.model)
    gallery = open_gallery(workspace, network.inputs, metadata["makers"])
    gallery = gallery if tracks is None else by_tracks(gallery, tracks)
    count = write_index(output, table, gallery, factory)
    click.echo(f"{output}: {count} features of {sum(network.dimensions)} values, {factory}; their table: {table}")


if __name__ == "__main__":
    index()
