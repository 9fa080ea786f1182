"""What identifies a file that a result depends on: its content, wherever it lies and whoever made it."""

import functools
from pathlib import Path

from pipeline.networks.pretrained import PretrainedParams, local_file
from pipeline.store.files import file_digest


def content_of(path: Path) -> str:
    """SHA-256 of a file, read once for each state of it that this process meets.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    state = path.stat()
    return _content(path, state.st_mtime_ns, state.st_size)


@functools.cache
def _content(path: Path, changed: int, size: int) -> str:
    return file_digest(path)


def content_of_pretrained(pretrained: PretrainedParams) -> str | None:
    """SHA-256 of the file of pretrained weights; None where their name alone says which they are, or there are none.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The package that should carry it is not installed.
    """
    path = local_file(pretrained)
    return None if path is None else content_of(path)
