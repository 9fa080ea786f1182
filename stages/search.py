"""Finds vehicles like those on any image files in the gallery of a data set. No stage of the DAG: run it by hand.

Reads, below `--data`, the data set's images, features, parts, part_masks and foreground; below `--models`, the re-ID
model, the part detector, SPAN and the foreground network. Of these, what the model does not need is only shown, and
left out with a remark where it is missing or does not fit.
Writes: one page, and prints a table. Nothing is ever written below `--data` or `--models` unless `--output` is there.
"""

from pathlib import Path

import click

from pipeline.networks.runtime import start
from pipeline.search.page import build_page
from pipeline.search.run import search as search_images
from pipeline.search.run import table
from pipeline.search.workspace import Workspace, load_params
from pipeline.store.files import atomic
from stages.command import PATH, stage


@stage
@click.argument("images", nargs=-1, required=True, type=PATH, metavar="IMAGE...")
@click.option("--dataset", required=True, help="Data set whose gallery is searched.")
@click.option("--model", required=True, help="Name of the re-ID model.")
@click.option("--data", type=PATH, default=Path("data"), show_default=True, help="Folder of all stages' outputs.")
@click.option("--models", type=PATH, default=Path("models"), show_default=True, help="Folder of all weights.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Gallery images shown.")
@click.option("--vehicles-once", is_flag=True, help="Show only the nearest image of each vehicle.")
@click.option("--output", type=PATH, default=Path("search.html"), show_default=True, help="Page to write.")
def search(
    images: tuple[Path, ...],
    dataset: str,
    model: str,
    data: Path,
    models: Path,
    top: int,
    vehicles_once: bool,
    output: Path,
    params_path: Path,
) -> None:
    """Search for the vehicles on image files, each file one vehicle."""
    values = load_params(params_path, dataset)
    workspace = Workspace(data, models, dataset, model)
    fabric = start(values.runtime)
    found = search_images(list(images), workspace, values, fabric, top, vehicles_once=vehicles_once)
    page = build_page(found)
    with atomic(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    for remark in found.shown.remarks:
        click.echo(remark, err=True)
    click.echo(f"{table(found)}\n\n{output}: {len(page.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    search()
