"""The files of a data set's folder: regular ones only, and as they were when a stage began to read them."""

import os
from collections.abc import Iterator
from pathlib import Path


def check_regular(folder: Path) -> None:
    """Refuse a folder that holds what cannot be read as a file: a pipe, a socket, a device, or a link to one.

    A link to a regular file is followed, as DVC makes these, and a link to nothing counts as a missing file.

    Raises:
        ValueError: It does; the message names it.
    """
    for _ in _files(folder):
        pass


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Path below the folder -> time of the last change, nanoseconds, and size, bytes; raises as `check_regular`.

    Hidden files are left out, as are those behind a linked folder.
    """
    found = {}
    for entry in _files(folder):
        status = entry.stat()
        found[os.path.relpath(entry.path, folder)] = (status.st_mtime_ns, status.st_size)
    return found


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All files that are there and not hidden, deep."""
    waiting = [str(folder)] if folder.is_dir() else []
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file() and not entry.name.startswith("."):
                    yield entry
                elif not entry.is_file() and os.path.exists(entry.path) and not entry.is_dir():
                    raise ValueError(f"{entry.path}: expected a regular file, got a pipe, a socket or a device")
