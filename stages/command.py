"""What every stage's command shares: the parameter file, readable errors, and the guard against mid-run edits."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.store import params

PATH = click.Path(path_type=Path)
"""Type of every option that is a path."""


def model_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every stage that runs a re-ID model: `dataset`, `model`, `images`, `parts`, `part_masks`."""
    options = (
        click.option("--dataset", required=True, help="Name of the data set."),
        click.option("--model", required=True, help="Name of the model."),
        click.option("--images", type=PATH, required=True, help="Image store."),
        click.option("--parts", type=PATH, required=True, help="Part boxes."),
        click.option("--part-masks", type=PATH, required=True, help="View masks."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def stage(function: Callable[..., None]) -> click.Command:
    """Make a stage's function a click command with a `--params` option.

    The function receives the parameter file as `params_path`. Errors the library raises for bad input end the
    command with their message alone and exit status 1; so does an edit of the parameter file while it ran.

    Args:
        function: The stage, already decorated with its own options.
    """

    @functools.wraps(function)
    def guarded(params_path: Path, **options: Any) -> None:
        try:
            with params.unchanged(params_path):
                function(params_path=params_path, **options)
        except (ValueError, RuntimeError, OSError, KeyError, ArithmeticError) as error:
            raise click.ClickException(f"{type(error).__name__}: {error}") from error

    with_option = click.option(
        "--params", "params_path", type=PATH, default=Path("params.yaml"), show_default=True, help="Parameter file."
    )
    return click.command()(with_option(guarded))
