"""Names that data sets may have."""

import re
from typing import Any

DATA_SET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
"""A name that DVC takes in a stage's name, a shell in a command and a file system in a path."""


def check_data_set_name(name: Any, where: str) -> str:
    """The name of a data set, if it can be one.

    Raises:
        ValueError: It is no text, or holds something else than letters, digits, - and _; `where` opens the message.
    """
    if not isinstance(name, str):
        raise ValueError(f"{where}: expected the name of a data set as text, got {name!r}; write it in quotes")
    if not DATA_SET_NAME.fullmatch(name):
        raise ValueError(
            f"{where}: expected a data set's name of letters, digits, - and _, which DVC, the shell and file systems "
            f"all take, got {name!r}; rename it (data/raw/NAME may be a link)"
        )
    return name
