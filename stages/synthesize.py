"""Render the embedded data set.

Reads nothing but its parameters; writes a folder in VeRi-776's layout, with part boxes, viewpoints and ground truth
beside the images.
"""

from collections.abc import Iterator
from pathlib import Path

import click
from tqdm import tqdm

from pipeline.store import params
from pipeline.synthetic.fleet import FleetParams, synthesize
from pipeline.synthetic.veri_layout import Taken
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Name of the fleet; its overrides apply.")
@click.option("--output", required=True, type=PATH, help="Folder to write.")
def main(params_path: Path, dataset: str, output: Path) -> None:
    """Render a fleet of vehicles with full ground truth."""
    fleet_params = params.load(params_path, "synthesize", FleetParams, dataset=dataset)
    summary = synthesize(fleet_params, output, _progress)
    click.echo(
        f"{output}: {summary.images} images of {summary.vehicles} vehicles ({summary.twins} of them twins), "
        f"{summary.boxes} part boxes"
    )


def _progress(albums: Iterator[list[Taken]], total: int) -> Iterator[list[Taken]]:
    """Show finished vehicles on standard error."""
    yield from tqdm(albums, total=total, unit="vehicle", mininterval=5.0, disable=None)


if __name__ == "__main__":
    main()
