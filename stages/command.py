"""What every stage's command shares: its options, readable errors, and the guard against mid-run edits.

Nothing here decides what a stage writes, so no stage depends on this file.
"""

import csv
import functools
import math
import os
import pickle
import shutil
import traceback
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import click
from safetensors import SafetensorError
from tqdm import tqdm

from pipeline.store import params
from pipeline.store.code import check_versions
from pipeline.store.files import directory_target, target_of
from pipeline.store.names import Kind, check_name
from pipeline.store.places import PLACES, Workspace

T = TypeVar("T")

OF_BAD_INPUT = (
    *(ValueError, RuntimeError, OSError, KeyError, ArithmeticError, MemoryError, EOFError),
    *(csv.Error, pickle.PickleError, zipfile.BadZipFile, ParseError, SafetensorError),
)
"""What libraries raise for bad input, or on a machine too small; anything else is a fault of ours."""

WITH_VERSIONS = {place.stage for place in PLACES.values()} - {"resolve_params"}
"""Stages whose results depend on versions of libraries."""

PATH = click.Path(path_type=Path)
"""Type of every option that is a path to read."""


class Output(click.Path):
    """Type of every option that is a file or folder to write, which `stage` checks before any work.

    Args:
        endings: How the file's name may end; none: anyhow.
        folder: Whether it is a folder.
        inside: Keys of `PLACES` that it may lie in all the same.
    """

    def __init__(self, *endings: str, folder: bool = False, inside: tuple[str, ...] = ()) -> None:
        super().__init__(path_type=Path)
        self.endings, self.folder, self.inside = endings, folder, inside

    def check(self, option: str, path: Path, workspace: Workspace) -> None:
        """Check that a path can be written, and is none that the pipeline itself writes or reads.

        Args:
            option: Names it in messages.
            path: The file or folder; it need not exist.
            workspace: Whose outputs it must not be.

        Raises:
            OSError: Its folder takes no new file.
            ValueError: Its name ends otherwise, something of another kind is there, or it is an output of a stage.
        """
        if self.folder:
            directory_target(path)
            return
        if self.endings and path.suffix.lower() not in self.endings:
            raise ValueError(f"{option}: expected a file name that ends with {' or '.join(self.endings)}, got {path}")
        target_of(path)
        name = workspace.name_of(path)
        if name is not None and name not in self.inside:
            kept = workspace.pattern(name)
            raise ValueError(f"{option}: expected a place of its own, got {path}, which is kept for {kept}")


class FiniteRange(click.FloatRange):
    """Type of every option that is a number in a range, which no border keeps NaN out of."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number.

        Raises:
            BadParameter: It is none, is NaN or infinite, or lies outside the range.
        """
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"expected a finite number, got {value!r}", param, ctx)
        return number


NAMED_IN: dict[str, tuple[str, ...]] = {
    "dataset": ("datasets", "fleets", "joint", "overrides"),
    "model": ("reid_models",),
    "trained_on": ("datasets", "joint"),
}
"""Option -> sections of the parameter file that hold what it may name."""


def _known(document: Mapping[str, Any], option: str) -> list[str]:
    """Names that stand in the parameter file for an option, where its sections are what they should be."""
    found = [document.get(section) for section in NAMED_IN[option]]
    return list(dict.fromkeys(str(name) for names in found if isinstance(names, list | Mapping) for name in names))


def _complete(ctx: click.Context, parameter: click.Parameter, start: str) -> list[str]:
    """Completes names that stand in the parameter file of this folder, for the shell."""
    try:
        document = params.read(Path(ctx.params.get("root") or "") / "params.yaml")
    except (OSError, ValueError):
        return []
    return [name for name in _known(document, str(parameter.name)) if name.startswith(start)]


def _strangers(workspace: Workspace, names: Mapping[str, str]) -> str:
    """What to say of options whose names neither the parameter file has nor, for a data set, a folder."""
    document = params.read(workspace.parameters)
    said = ""
    for option, given in names.items():
        known = _known(document, option)
        if known and given not in known and not (option != "model" and _raw(workspace, given).exists()):
            said += f"; --{option.replace('_', '-')}: expected one of {', '.join(known)}, got {given!r}"
    return said


def _raw(workspace: Workspace, dataset: str) -> Path:
    return replace(workspace, dataset=dataset).path("raw")


dataset_option = click.option("--dataset", required=True, shell_complete=_complete, help="Name of the data set.")
model_option = click.option("--model", required=True, shell_complete=_complete, help="Name of the re-ID model.")

trained_on_option = click.option(
    "--trained-on",
    "trained_on",
    required=True,
    shell_complete=_complete,
    help="Name of the data set, or joint set, that the model was trained on.",
)


def stage(function: Callable[..., None]) -> click.Command:
    """Make a stage's function a click command with the options `--root` and `--params`.

    The function receives a `Workspace` as `workspace`, seen from its data set and model where it has these options.
    Errors the library raises for bad input end the command with their message alone and exit status 1; so does an edit
    of what the stage read of the parameter file while it ran. What the stage kept for the case of an interruption goes
    once it has ended well.

    Args:
        function: The stage, already decorated with its own options.
    """

    @functools.wraps(function)
    def guarded(root: Path, parameters: Path | None, **options: Any) -> None:
        names: dict[str, Any] = {
            name: options.pop(name) for name in ("dataset", "model", "trained_on") if name in options
        }
        workspace = Workspace(root, parameters=parameters or root / "params.yaml", **names)
        try:
            for name, given in names.items():
                kind: Kind = "model" if name == "model" else "data set"
                check_name(given, kind, f"--{name.replace('_', '-')}", dots=kind == "model")
            params.read(workspace.parameters)
            _check_outputs(click.get_current_context(), workspace)
            if function.__name__ in WITH_VERSIONS:
                check_versions(workspace.path("params") / "libraries", (f"stages/{function.__name__}.py",))
            function(workspace=workspace, **options)
            workspace.check_unchanged()
            _clear(workspace)
        except OF_BAD_INPUT as error:
            traceback.clear_frames(error.__traceback__)  # what it held is what exit hooks of libraries may lack
            said = f"{type(error).__name__}: {str(error) or _advice(error)}"
            if isinstance(error, FileNotFoundError) and workspace.parameters.exists():
                said += _strangers(workspace, names)  # what is missing may be misnamed
            raise click.ClickException(printable(said)) from error

    for option in (
        click.option("--params", "parameters", type=PATH, help="Parameter file.  [default: ROOT/params.yaml]"),
        click.option(
            "--root", type=PATH, default=Path(), show_default="this folder", help="Folder that holds data and models."
        ),
    ):
        guarded = option(guarded)
    return click.command(function.__name__.replace("_", "-"))(guarded)


def _check_outputs(context: click.Context, workspace: Workspace) -> None:
    """Check all options that are an `Output`, each by itself and against what else is read and written."""
    given = [(option, context.params.get(str(option.name))) for option in context.command.params]
    given = [(option, value) for option, value in given if option.name != "root"]  # which outputs may well be in
    paths = [path for option, value in given if option.type is PATH for path in _listed(value)]
    read = {os.path.realpath(path) for path in (workspace.parameters, *paths)}
    written: dict[str, str] = {}
    outputs = [
        (option.type, option.opts[0], path) for option, path in given if isinstance(option.type, Output) and path
    ]
    for _, name, path in outputs:
        target = os.path.realpath(path)
        if target in written:
            raise click.UsageError(f"{written[target]} and {name}: expected two files, got {path} twice")
        if target in read:
            raise ValueError(f"{name}: expected another place than what is read, got {path}")
        written[target] = name
    for kind, name, path in outputs:
        kind.check(name, path, workspace)


def _listed(value: Any) -> Iterable[Path]:
    """The paths of an option or argument: several, one or none."""
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _clear(workspace: Workspace) -> None:
    """Remove what the stage kept, now that its output stands; of several processes, the one that writes does."""
    if os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0":
        for folder in workspace.scratches:
            shutil.rmtree(folder, ignore_errors=True)


def _advice(error: BaseException) -> str:
    """What to do about an error that says nothing."""
    too_small = isinstance(error, MemoryError)
    return "memory ran out; smaller batches or fewer runtime.workers take less" if too_small else "no message"


def printable(text: str) -> str:
    """The text with every character escaped that a terminal might obey, as in names of files."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else character.encode("unicode_escape").decode()
        for character in text
    )


def progress(items: Iterable[T], count: int, unit: str = "image") -> Iterator[T]:
    """The same items, with a progress bar on standard error where that is a terminal.

    Args:
        items: What to go through.
        count: How many there are.
        unit: What one is called.
    """
    yield from tqdm(items, total=count, unit=unit, mininterval=5, disable=None)
