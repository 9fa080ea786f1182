"""Names that data sets and re-ID models may have, as they become paths and words of commands."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

Kind = Literal["data set", "model"]
"""What a name is of."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
"""A name that DVC takes in a stage's name, a shell in a command and a file system in a path."""

WITH_DOTS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
"""A name that all but DVC take."""

ADVICE: dict[Kind, str] = {
    "data set": "rename it (data/raw/NAME may be a link)",
    "model": "rename it, under reid_models too",
}
"""What to do about a name that cannot be used."""


def check_name(name: Any, kind: Kind, where: str, *, dots: bool = False) -> str:
    """The name of a data set or model, if it can be one.

    Args:
        name: As it was given.
        kind: What it is of.
        where: Opens the message.
        dots: Whether it may have dots too, as the name of a model that no stage of DVC is made of.

    Raises:
        ValueError: It is no text, or holds something else than letters, digits, - and _.
    """
    if not isinstance(name, str):
        raise ValueError(f"{where}: expected the name of a {kind} as text, got {name!r}; write it in quotes")
    if dots and not WITH_DOTS.fullmatch(name):
        raise ValueError(f"{where}: expected a {kind}'s name of letters, digits, -, _ and dots, got {name!r}")
    try:
        return name if dots else _checked(name, kind)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _checked(name: str, kind: Kind = "data set") -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            f"expected a {kind}'s name of letters, digits, - and _, which DVC, the shell and file systems all take, "
            f"got {name!r}; {ADVICE[kind]}"
        )
    return name


DataSetName = Annotated[str, AfterValidator(_checked)]
"""Type of a parameter that names a data set."""
