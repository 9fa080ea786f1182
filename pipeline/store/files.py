"""Whole files or none: everything the pipeline writes goes through `atomic` or `atomic_directory`.

Each leaves an empty hidden file beside what it wrote, ``.NAME.lock``, which Git and DVC ignore.
"""

import contextlib
import csv
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

_NO_LOCKS: frozenset[int] = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
"""Error numbers of a file system that has no file locks."""
_REFUSED: frozenset[int] = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""Error numbers of a file system that takes no more."""
_SAID = re.compile(r"(?:write failed.*errno = |os error )(\d+)", re.DOTALL)
"""How HDF5 and safetensors put an error number."""


class DamagedFileError(ValueError):
    """A file that is no longer what was written; the message names it, and what was expected and found."""


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold an advisory lock beside `path`, so that a second writer, an orphaned earlier one say, is noticed.

    The lock's file stays: were it removed, a process that had opened it and one that makes it anew would both hold it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock_path = path.with_name(f".{path.name}.lock")
    lock = FileLock(lock_path, timeout=0, thread_local=False, preserve_lock_file=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise RuntimeError(f"{path}: another process is writing it; wait for it or stop it first") from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        advice = "mount it with locks (NFS: without nolock, its lock service running) or work on a local disk"
        raise OSError(f"{path}: its file system has no file locks; {advice}") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of a write that the file system refuses, which often names no file, name `path`."""
    try:
        yield
    except Exception as error:
        said = _SAID.search(str(error))
        number = error.errno if isinstance(error, OSError) and error.errno is not None else int(said[1]) if said else 0
        if number not in _REFUSED or getattr(error, "filename", None) is not None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that replaces it only when the block ends without an error.

    Args:
        path: The file to write; its folder is made when missing.

    Yields:
        The temporary path to write to.

    Raises:
        RuntimeError: Another process, or another block of this one, is writing the same file.
        OSError: The file system refuses the file, as when it is full, or has no file locks; the message names `path`.
    """
    with _exclusive(path), _naming(path):
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.unlink(missing_ok=True)
        try:
            yield temporary
            with open(temporary, "rb+") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling directory that replaces `path` only when the block ends without an error.

    Args:
        path: The directory to write; an existing one is replaced.

    Yields:
        The temporary directory to fill.

    Raises:
        RuntimeError: Another process, or another block of this one, is writing the same directory.
        OSError: The file system refuses the directory, or has no file locks; the message names `path`.
    """
    with _exclusive(path), _naming(path):
        temporary = path.with_name(f".{path.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            for lock_path in temporary.rglob(".*.lock"):  # of files in it, all closed, that no other process knows
                lock_path.unlink()
            shutil.rmtree(path, ignore_errors=True)
            os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def set_aside(path: Path) -> Path:
    """Rename a damaged file or folder, so that it is neither used nor lost; one set aside before makes room.

    Returns:
        Where it is now: its name with ``.damaged`` appended.
    """
    kept = path.with_name(f"{path.name}.damaged")
    if kept.is_dir():
        shutil.rmtree(kept)
    os.replace(path, kept)
    return kept


def write_json(path: Path, value: Any) -> None:
    """Write `value` as sorted, indented JSON with a closing newline.

    Raises:
        ValueError: `value` holds a NaN or an infinity, which JSON cannot say.
    """
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write `rows` as CSV under `columns`; a row that lacks a column leaves the cell empty."""
    with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def digest_of(value: Any) -> str:
    """SHA-256 (hexadecimal) of a JSON-able value, independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a head row.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
