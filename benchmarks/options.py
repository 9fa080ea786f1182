"""Options that several benchmarks have, and the arithmetic of those that read no parameter file."""

from collections.abc import Callable
from typing import Any, Literal

import click
from ruamel.yaml import YAML

from pipeline.store.runtime import RuntimeParams


def _changes(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, object]:
    pairs = (text.partition("=") for text in texts)
    return {key: YAML(typ="safe").load(value) for key, _, value in pairs}


def runtime_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `runtime`: what that section of the parameters is to have differently."""
    option = click.option(
        "--runtime", multiple=True, callback=_changes, metavar="KEY=VALUE", help="Of `runtime`, as map_workers=2."
    )
    return option(function)


def one_process(threads: int, *, seed: int = 0, accelerator: Literal["auto", "cpu"] = "auto") -> RuntimeParams:
    """Everything in one process, in full precision, loaded as it is needed."""
    return RuntimeParams(
        seed=seed,
        threads=threads,
        workers=0,
        accelerator=accelerator,
        devices=1,
        precision="32-true",
        synchronised_norm=False,
        deterministic=True,
        engine="local",
        address=None,
        map_workers=0,
        reuse=(),
    )
