"""Options that several benchmarks have."""

from collections.abc import Callable
from typing import Any

import click
from ruamel.yaml import YAML


def _changes(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, object]:
    pairs = (text.partition("=") for text in texts)
    return {key: YAML(typ="safe").load(value) for key, _, value in pairs}


def runtime_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `runtime`: what that section of the parameters is to have differently."""
    option = click.option(
        "--runtime", multiple=True, callback=_changes, metavar="KEY=VALUE", help="Of `runtime`, as map_workers=2."
    )
    return option(function)
