"""Makes seed masks by GrabCut, on all cores.

Reads: images; params.yaml (section `grabcut`).
Writes: ``grabcut/1``, one mask an image, with a flag for those that failed.
"""

from pathlib import Path

import click

from pipeline.foreground.grabcut import GrabCutParams, write_seeds
from pipeline.store import params
from pipeline.store.images import ImageStore
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Data set whose overrides apply.")
@click.option("--images", type=PATH, required=True, help="Image store.")
@click.option("--output", type=PATH, required=True, help="Seed masks to write.")
def grabcut(dataset: str, images: Path, output: Path, params_path: Path) -> None:
    """Segment every image."""
    values = params.load(params_path, "grabcut", GrabCutParams, dataset=dataset)
    store = ImageStore(images)
    failed = write_seeds(store, values, output, Path(".scratch/grabcut"))
    click.echo(f"{output}: {len(store)} masks, {failed} of them failed")


if __name__ == "__main__":
    grabcut()
