"""Finds vehicles like those on any image files in the gallery of a data set. No stage of the DAG: run it by hand.

Reads the data set's images, features, parts, part_masks and foreground; and the re-ID model, the part detector, SPAN
and the foreground network. Of these, what the model does not need is only shown, and left out with a remark where it is
missing or does not fit.
Writes: one page, and prints a table. Nothing is ever written below `data` or `models` unless `--output` is there.
"""

from dataclasses import replace
from pathlib import Path

import click

from pipeline.networks.runtime import start
from pipeline.search.fitting import load_params
from pipeline.search.page import build_page
from pipeline.search.run import search as search_images
from pipeline.search.run import table
from pipeline.store.files import atomic
from pipeline.store.places import Workspace
from stages.command import PATH, dataset_option, model_option, stage


@stage
@click.argument("images", nargs=-1, required=True, type=PATH, metavar="IMAGE...")
@dataset_option
@model_option
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Gallery images shown.")
@click.option("--vehicles-once", is_flag=True, help="Show only the nearest image of each vehicle.")
@click.option("--output", type=PATH, default=Path("search.html"), show_default=True, help="Page to write.")
def search(workspace: Workspace, images: tuple[Path, ...], top: int, vehicles_once: bool, output: Path) -> None:
    """Search for the vehicles on image files, each file one vehicle."""
    params = load_params(workspace)
    fabric = start(replace(params.runtime, devices=1))
    found = search_images(list(images), workspace, params, fabric, top, vehicles_once=vehicles_once)
    page = build_page(found)
    with atomic(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    for remark in found.shown.remarks:
        click.echo(remark, err=True)
    click.echo(f"{table(found)}\n\n{output}: {len(page.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    search()
