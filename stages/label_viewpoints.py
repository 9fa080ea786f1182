"""Reads `data/images/<dataset>.h5`, or the raw data set while that is missing; writes viewpoints given by hand."""

import contextlib
import webbrowser
from pathlib import Path

import click

from pipeline.datasets.adapters import PrepareParams
from pipeline.labelling.label_file import LabelFile
from pipeline.labelling.pictures import open_pictures
from pipeline.labelling.server import LabellingServer
from pipeline.labelling.session import Session
from pipeline.store import params
from pipeline.store.vocabulary import SPLITS
from stages.command import PATH, stage

STORE = click.Path(exists=True, dir_okay=False, path_type=Path)


@stage
@click.option("--dataset", required=True, help="Data set to label.")
@click.option("--output", type=PATH, required=True, help="CSV of image and viewpoint to write, or to go on with.")
@click.option("--images", type=STORE, help="Image store.  [default: data/images/DATASET.h5, else data/raw/DATASET]")
@click.option("--split", "splits", type=click.Choice(SPLITS), multiple=True, default=("train",), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the order.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any free one.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
def label_viewpoints(
    params_path: Path,
    dataset: str,
    output: Path,
    images: Path | None,
    splits: tuple[str, ...],
    seed: int,
    port: int,
    browser: bool,
) -> None:
    """Label viewpoints by hand in a browser; every label is on disk at once, Ctrl-C ends."""
    values = params.load(params_path, "prepare", PrepareParams, dataset=dataset)
    store = images or Path("data/images") / f"{dataset}.h5"
    pictures = open_pictures(store, Path("data/raw") / dataset, values, splits)
    session = Session(pictures.candidates, LabelFile(output), seed)
    with LabellingServer(port, session, pictures, f"{dataset}, {' and '.join(splits)}") as server:
        click.echo(f"{dataset}: {len(pictures.candidates)} images -> {output}; open {server.url} (Ctrl-C ends)")
        if browser:
            webbrowser.open(server.url)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    progress = session.progress()
    labelled = sum(progress.counts.values())
    click.echo(f"\n{dataset}: {labelled} labelled, {progress.skipped} unclear -> {output} (for prepare.viewpoints)")
    raise SystemExit  # past the guard against edits of the parameters: labels do not depend on them


if __name__ == "__main__":
    label_viewpoints()
