"""Finds vehicles like those on any images in the gallery of a data set. No stage of the DAG: run it by hand.

Reads the data set's images, features, parts, part_masks and foreground; and the re-ID model, the part detector, SPAN
and the foreground network. Of these, what the model does not need is only shown, and left out with a remark where it is
missing or does not fit.
Writes: one page and, where asked for, a table beside it, and prints a table. Nothing is ever written below `data` or
`models` unless `--output` or `--table` is there.
"""

from dataclasses import replace
from pathlib import Path

import click

from pipeline.datasets.frames.crops import FORMATS, BoxFormat
from pipeline.networks.runtime import start
from pipeline.search.fitting import load_params
from pipeline.search.image_files import crops_of, files_at
from pipeline.search.page import build_page
from pipeline.search.run import search as search_images
from pipeline.search.run import table, write_matches
from pipeline.store.files import atomic
from pipeline.store.places import Workspace
from stages.command import PATH, Output, dataset_option, model_option, printable, stage


@stage
@click.argument("images", nargs=-1, required=True, type=PATH, metavar="IMAGE...")
@dataset_option
@model_option
@click.option("--boxes", type=PATH, help="Boxes of vehicles on whole frames: IMAGE is their folder, or a video.")
@click.option("--format", "kind", type=click.Choice(list(FORMATS)), help="What the file of boxes is.")
@click.option("--tracks", metavar="COLUMN", help="Find tracks, which this column of the gallery's table names.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Images or tracks shown.")
@click.option("--vehicles-once", is_flag=True, help="Show only the nearest image of each vehicle.")
@click.option(
    "--output", type=Output(".html", ".htm"), default=Path("search.html"), show_default=True, help="Page to write."
)
@click.option(
    "--table", "table_path", type=Output(".csv", ".json"), help="Write all matches to this .csv or .json too."
)
def search(
    workspace: Workspace,
    images: tuple[Path, ...],
    boxes: Path | None,
    kind: BoxFormat | None,
    tracks: str | None,
    top: int,
    vehicles_once: bool,
    output: Path,
    table_path: Path | None,
) -> None:
    """Search for the vehicles on image files or in folders, each file one vehicle, or in whole frames with boxes."""
    if (boxes is None) != (kind is None) or (boxes is not None and len(images) != 1):
        raise click.UsageError("--boxes and --format go together, with one IMAGE: a folder of frames or a video")
    params = load_params(workspace)
    fabric = start(replace(params.runtime, devices=1))
    if boxes is None or kind is None:
        sources = files_at(images, _say)
    else:
        sources = crops_of(images[0], boxes, kind, params.crops, _say)
    found = search_images(sources, workspace, params, fabric, top, vehicles_once=vehicles_once, tracks=tracks)
    page = build_page(found)
    with atomic(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
        if table_path is not None:
            write_matches(table_path, found)
    for remark in found.shown.remarks:
        _say(remark)
    click.echo(f"{printable(table(found))}\n\n{output}: {len(page.encode()) / 1e6:.1f} MB")


def _say(line: str) -> None:
    click.echo(printable(line), err=True)


if __name__ == "__main__":
    search()
