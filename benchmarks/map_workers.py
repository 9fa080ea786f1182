"""Seconds of each map stage by one and by two workers, in processes of this machine and on Ray.

Takes the networks and images of a finished run, as `benchmarks.added_images` does, and runs the stages as DVC does, a
process each; starting Python and torch, and Ray where it serves, is part of what is measured. A worker has one thread.
Here only `grabcut` has processes. Checks that all leave the same bytes. Ray comes with the group `cluster`.

    python -m benchmarks.map_workers --root FOLDER [--images 1000] [--workers 1,2]
"""

import shutil
import tempfile
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import click

from benchmarks.added_images import STAGES, Seconds, fresh, prepare, run
from benchmarks.tables import table
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace

HERE = ("grabcut",)
"""Stages that `runtime.map_workers` gives processes of this machine."""


def cell(seconds: Seconds | None) -> str:
    """Wall seconds, or nothing."""
    return "" if seconds is None else f"{seconds.wall:.1f}"


def stages_of(engine: str, workers: int) -> Iterable[str]:
    """Stages to time; here, those without processes of their own run the same whatever the number of workers."""
    return HERE if engine == "local" and workers > 1 else STAGES


@click.command(help=__doc__)
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of a finished run.")
@click.option("--dataset", default="synthetic", show_default=True, help="Name of its data set.")
@click.option("--model", default="pgan", show_default=True, help="Re-ID model that embeds.")
@click.option("--images", default=1000, show_default=True, help="Images.")
@click.option("--workers", default="1,2", show_default=True, help="Numbers of workers, with commas.")
@click.option("--engines", default="local,ray", show_default=True, help="Engines, with commas.")
@click.option("--parameters", type=click.Path(path_type=Path), default=Path("params.yaml"), show_default=True)
def main(root: Path, dataset: str, model: str, images: int, workers: str, engines: str, parameters: Path) -> None:
    """Print the table."""
    finished = Workspace(root, dataset, model, root / "params.yaml")
    source = ImageStore(finished.existing("images"))
    if images > len(source):
        raise click.BadParameter(f"expected at most {len(source)} images, got {images}")
    counts = [int(number) for number in workers.split(",")]
    found: dict[str, dict[str, Seconds]] = {}
    made: dict[str, set[bytes]] = {stage: set() for stage in STAGES}
    with tempfile.TemporaryDirectory() as folder:
        images_only = fresh(finished, Path(folder) / "images", {}, parameters)
        prepare(source, images_only, range(images))
        for engine, count in product(engines.split(","), counts):
            runtime = {"engine": engine, "map_workers": count, "threads": 1, "workers": 0}
            workspace = fresh(finished, Path(folder) / f"{engine}{count}", runtime, parameters)
            shutil.copytree(images_only.path("images").parent, workspace.path("images").parent)
            title, stages = f"{engine}, {count}", stages_of(engine, count)
            found[title] = run(workspace, title, stages)
            for stage in stages:
                made[stage].add(workspace.path(STAGES[stage]).read_bytes())
    rows = []
    for stage in STAGES:
        seconds = [cell(found[title].get(stage)) for title in found]
        rows.append((f"`{stage}`", *seconds, "yes" if len(made[stage]) == 1 else "NO"))
    click.echo(table(("seconds", *found, "same bytes"), rows))


if __name__ == "__main__":
    main()
