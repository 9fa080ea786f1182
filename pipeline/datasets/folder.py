"""The files of a data set's folder: regular ones only, and as they were when a stage began to read them."""

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.store.files import regular


def check_regular(folder: Path) -> None:
    """Refuse a folder that holds what cannot be read as a file: a pipe, a socket, a device, or a link to one.

    A link to a regular file is followed, as DVC makes these, and a link to nothing counts as a missing file.

    Raises:
        ValueError: It does; the message names it.
    """
    for entry in _entries(folder):
        try:
            regular(Path(entry.path))
        except FileNotFoundError:
            continue


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Path below the folder -> time of the last change, nanoseconds, and size, bytes, of every regular file.

    Hidden files are left out, as are those behind a linked folder.
    """
    found = {}
    for entry in _entries(folder):
        try:
            status = regular(Path(entry.path)).stat()
        except (FileNotFoundError, ValueError):
            continue
        found[os.path.relpath(entry.path, folder)] = (status.st_mtime_ns, status.st_size)
    return found


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All that is not hidden and no folder, deep."""
    waiting = [str(folder)] if folder.is_dir() else []
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif not os.path.isdir(entry.path):
                    yield entry
