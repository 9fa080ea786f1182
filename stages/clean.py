"""Says what interrupted stages left in `.scratch`, and frees it when asked to; results of ablations stay."""

import click

from pipeline.store.leftovers import leftovers
from pipeline.store.places import Workspace
from pipeline.store.words import counted
from stages.command import FiniteRange, stage


@stage
@click.option("--older-than", type=FiniteRange(min=0), default=1.0, show_default=True, help="Days without a change.")
@click.option("--free", is_flag=True, help="Delete what is listed; without this, nothing is deleted.")
def clean(workspace: Workspace, older_than: float, free: bool) -> None:
    """List what interrupted stages left and nobody went on with, and free it with --free."""
    found = leftovers(workspace.root, older_than)
    for one in found:
        click.echo(f"{one.path}  {one.size / 1e6:.1f} MB, {one.days:.1f} days old")
        if free:
            one.remove()
    total, verb = sum(one.size for one in found) / 1e6, "freed" if free else "to be freed with --free"
    click.echo(f"{counted(len(found), 'folder')}, {total:.1f} MB {verb}")


if __name__ == "__main__":
    clean()
