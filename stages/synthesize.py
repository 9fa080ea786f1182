"""Render the embedded data set.

Reads nothing but its parameters; writes `data/raw/<dataset>/` in VeRi-776's layout, with part boxes, viewpoints and
ground truth beside the images.
"""

from collections.abc import Iterator

import click

from pipeline.store import params
from pipeline.store.places import Workspace
from pipeline.synthetic import fleet
from pipeline.synthetic.veri_layout import Taken
from stages.command import dataset_option, progress, stage


@stage
@dataset_option
def synthesize(workspace: Workspace) -> None:
    """Render a fleet of vehicles with full ground truth."""
    fleets = params.read(workspace.parameters).get("fleets") or ()
    if workspace.dataset not in fleets:
        shown = ", ".join(map(str, fleets)) or "none"
        raise ValueError(
            f"--dataset: expected one of fleets in {workspace.parameters}, {shown}; got {workspace.dataset!r}"
        )
    output = workspace.path("raw")
    summary = fleet.synthesize(workspace.load("synthesize", fleet.FleetParams), output, _progress)
    click.echo(
        f"{output}: {summary.images} images of {summary.vehicles} vehicles ({summary.twins} of them twins), "
        f"{summary.boxes} part boxes"
    )


def _progress(albums: Iterator[list[Taken]], total: int) -> Iterator[list[Taken]]:
    return progress(albums, total, "vehicle")


if __name__ == "__main__":
    synthesize()
