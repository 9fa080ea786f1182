"""Reads `data/images/<dataset>.h5`, or the raw data set while that is missing; writes viewpoints given by hand."""

import os
import signal
import sys
import threading
import webbrowser
from pathlib import Path

import click

from pipeline.datasets.adapters import PrepareParams
from pipeline.labelling.label_file import LabelFile
from pipeline.labelling.pictures import open_pictures
from pipeline.labelling.server import LabellingServer
from pipeline.labelling.session import Session
from pipeline.store.origin import current
from pipeline.store.places import Workspace
from pipeline.store.vocabulary import SPLITS
from stages.command import Output, dataset_option, stage

OUTPUT = Output(".csv", inside=("raw",))


@stage
@dataset_option
@click.option("--output", type=OUTPUT, help="CSV of image and viewpoint.  [default: the data set's viewpoints.csv]")
@click.option("--split", "splits", type=click.Choice(SPLITS), multiple=True, default=("train",), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the order.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any free one.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
def label_viewpoints(
    workspace: Workspace, output: Path | None, splits: tuple[str, ...], seed: int, port: int, browser: bool
) -> None:
    """Label viewpoints by hand in a browser; every label is on disk at once, Ctrl-C ends."""
    params, dataset = workspace.load("prepare", PrepareParams), workspace.dataset
    OUTPUT.check("--output", path := output or workspace.path("raw") / "viewpoints.csv", workspace)
    if (store := workspace.path("images")).exists():
        current(workspace, "images")
    pictures = open_pictures(store, workspace.path("raw"), params, splits)
    session = Session(pictures.candidates, LabelFile(path), seed)
    with LabellingServer(port, session, pictures, f"{dataset}, {' and '.join(splits)}") as server:
        click.echo(f"{dataset}: {len(pictures.candidates)} images -> {path}; open {server.url} (Ctrl-C ends)")
        if browser:
            webbrowser.open(server.url)
        _serve_until_interrupted(server)
    progress = session.progress()
    labelled = sum(progress.counts.values())
    click.echo(f"\n{dataset}: {labelled} labelled, {progress.skipped} unclear -> {path} (for prepare.viewpoints)")
    # Every label is on disk. A thread that still answers may hold h5py's lock, for which the interpreter's own end
    # would wait for ever; and labels do not depend on parameters, so the guard against edits of them is passed by.
    sys.stdout.flush()
    os._exit(0)


def _serve_until_interrupted(server: LabellingServer) -> None:
    """Serve in a thread of its own until Ctrl-C.

    Ctrl-C is waited for rather than raised: a KeyboardInterrupt that comes while a finaliser runs is lost, and the tool
    would go on.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait({signal.SIGINT})


if __name__ == "__main__":
    label_viewpoints()
