"""Draws one image on its way through the pipeline. No stage of the DAG: run it by hand; the README's picture is one.

Reads the data set's images, caches and the model's ranking; writes one picture.
"""

from pathlib import Path

import click
from PIL import Image

from pipeline.report.sources import Sources
from pipeline.search.strip import pipeline_strip
from pipeline.store.files import atomic
from pipeline.store.places import Workspace
from stages.command import Output, dataset_option, model_option, stage

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


@stage
@dataset_option
@model_option
@click.option("--row", type=int, help="Row of the query.  [default: the first right answer to a query of two views]")
@click.option(
    "--output", type=Output(*ENDINGS), default=Path("pipeline.jpg"), show_default=True, help="Picture to write."
)
def picture(workspace: Workspace, row: int | None, output: Path) -> None:
    """Show photograph, masks, boxes, views and the nearest image of one query side by side."""
    drawn = pipeline_strip(Sources(workspace.root, workspace.dataset, [workspace.model]), workspace.model, row)
    with atomic(output) as temporary:
        kind = Image.registered_extensions()[output.suffix.lower()]
        Image.fromarray(drawn).save(temporary, kind, quality=88)
    click.echo(f"{output}: {drawn.shape[1]} x {drawn.shape[0]} pixels")


if __name__ == "__main__":
    picture()
