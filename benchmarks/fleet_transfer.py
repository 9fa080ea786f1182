"""What the fleet's networks make of vehicles it never drew: their masks, part boxes and views on another data set.

Foreground network, part detector and SPAN trained on `--trained-on` are applied to `--dataset` by the project's own
stages, in a temporary workspace, and measured by `evaluate_artifacts`. Where the other data set names some parts of a
vehicle only, foreground masks have coverage and spill, and view masks are judged on labelled pixels. Boxes are judged
in the classes that it annotates.

Run: python -m benchmarks.fleet_transfer --dataset real_mini --trained-on synthetic
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.added_images import without_origin
from pipeline.foreground.trained_on import KIND
from pipeline.networks import weights
from pipeline.store.places import Workspace
from stages.command import dataset_option, stage
from stages.detect_parts import detect_parts
from stages.evaluate_artifacts import evaluate_artifacts
from stages.grabcut import grabcut
from stages.predict_foreground import predict_foreground
from stages.predict_part_masks import predict_part_masks

APPLIED = (predict_foreground, detect_parts, predict_part_masks, evaluate_artifacts)


def link(source: Path, target: Path) -> None:
    """Make `target` a link to the existing file `source`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source.resolve())


def borrow(workspace: Workspace, teacher: str, root: Path) -> Workspace:
    """A workspace at `root` with the data set's images and truth, and the networks trained on another data set.

    The foreground network no longer says for which data set and on which images it was trained, as its stage asks.

    Args:
        workspace: Where images and networks lie, seen from the data set to measure on.
        teacher: Data set the foreground network was trained on.
        root: An empty folder.

    Raises:
        FileNotFoundError: A file is missing; the message names the stage that makes it.
    """
    borrowed = Workspace(root, dataset=workspace.dataset, parameters=workspace.parameters)
    for name in ("images", "truth", "detector", "span"):
        link(workspace.existing(name), borrowed.path(name))
    own = Workspace(workspace.root, dataset=teacher)
    state, facts = without_origin(own.existing("foreground_network"), KIND)
    del facts["table"]
    weights.save(borrowed.path("foreground_network"), state, KIND, facts)
    if workspace.path("grabcut").exists():
        link(workspace.path("grabcut"), borrowed.path("grabcut"))
    return borrowed


@stage
@dataset_option
@click.option(
    "--trained-on", "teacher", default="synthetic", show_default=True, help="Data set of the foreground network."
)
def main(workspace: Workspace, teacher: str) -> None:
    """Print how well the networks of the workspace, trained on one data set, do on another."""
    with TemporaryDirectory() as folder:
        borrowed = borrow(workspace, teacher, Path(folder))
        made = borrowed.path("grabcut").exists()
        for command in APPLIED if made else (grabcut, *APPLIED):
            arguments = ["--dataset", borrowed.dataset, "--root", folder, "--params", str(borrowed.parameters)]
            command.main(arguments, standalone_mode=False)
        metrics = json.loads(borrowed.path("quality").read_text(encoding="utf-8"))
        classes = borrowed.path("part_classes").read_text(encoding="utf-8")
    for group in ("grabcut", "foreground", "part_masks", "viewpoint", "parts"):
        for name, value in metrics.get(group, {}).items():
            click.echo(f"{group:11} {name:28} {value:8.3f}")
    click.echo(classes)


if __name__ == "__main__":
    main()
