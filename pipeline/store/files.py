"""Whole files or none: everything the pipeline writes goes through `atomic` or `atomic_directory`.

Each leaves an empty hidden file beside what it wrote, ``.NAME.lock``, which Git and DVC ignore.
"""

import contextlib
import csv
import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
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
_OF_DVC = re.compile(r"/[0-9a-f]{2}/[0-9a-f]{30}$")
"""How the path of a file in DVC's cache ends."""


class DamagedFileError(ValueError):
    """A file that is no longer what was written; the message names it, and what was expected and found."""


def regular(path: Path) -> Path:
    """The same path, if it or what it links to is a regular file.

    A pipe would be waited for for ever, and a device fill the memory.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is a folder, pipe, socket or device, or a link that leads back to itself.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not a file ({error})") from error
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise ValueError(f"{path}: expected a regular file, got {kinds.get(stat.S_IFMT(mode), 'a device')}")
    return path


def target_of(path: Path) -> Path:
    """Where a file goes that is written to `path`: through a link to what it leads to, which need not exist.

    A link into DVC's cache is itself what is replaced: other versions and other workspaces share what it leads to.

    Raises:
        OSError: Its folder takes no new file; the message names `path` and the reason.
        ValueError: Something is there that is no regular file.
    """
    with contextlib.suppress(FileNotFoundError):
        regular(path)
    target = _behind_link(path)
    target = path if _OF_DVC.search(str(target)) else target
    _check_folder(target)
    return target


def directory_target(path: Path) -> Path:
    """Where a folder goes that is written to `path`; raises as `target_of`, ValueError where no folder is there."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path}: expected a folder, or a name that is free; got a file")
    target = _behind_link(path)
    _check_folder(target)
    return target


def _behind_link(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() or path.name in ("", "..") else path


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _check_folder(path: Path) -> None:
    """Check that the folder of `path`, or the one it will be made in, takes new files: raises as `target_of`."""
    lock_path = _lock_of(path)
    there = True
    try:
        lock_path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        there = False
    except OSError as error:  # a name too long, say
        raise OSError(error.errno, error.strerror, str(path)) from error
    folder = next(folder for folder in lock_path.parents if os.path.lexists(folder))
    if not folder.is_dir():
        raise NotADirectoryError(f"{path}: cannot be written: {folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{path}: cannot be written: no permission for new files in {folder}")
    if there and not os.access(lock_path, os.W_OK):
        raise PermissionError(f"{path}: cannot be written: no permission for {lock_path}, which another user made")


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold an advisory lock beside `path`, so that a second writer, an orphaned earlier one say, is noticed.

    The lock's file stays: were it removed, a process that had opened it and one that makes it anew would both hold it.
    """
    lock = FileLock(_lock_of(path), timeout=0, thread_local=False, preserve_lock_file=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise RuntimeError(f"{path}: another process is writing it; wait for it or stop it first") from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
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
        path: The file to write, through links as `target_of`; its folder is made when missing.

    Yields:
        The temporary path to write to.

    Raises:
        RuntimeError: Another process, or another block of this one, is writing the same file.
        OSError: The file system refuses the file, as when it is full, or has no file locks; the message names `path`.
        ValueError: Something is at `path` that is no regular file.
    """
    path = target_of(path)
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
        path: The directory to write, where a link leads to if it is one; an existing one is replaced.

    Yields:
        The temporary directory to fill.

    Raises:
        RuntimeError: Another process, or another block of this one, is writing the same directory.
        OSError: The file system refuses the directory, or has no file locks; the message names `path`.
        ValueError: Something is at `path` that is no directory.
    """
    path = directory_target(path)
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


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: The file.
        keys: Those it must have.

    Raises:
        FileNotFoundError: `path` does not exist.
        DamagedFileError: It is no JSON object in UTF-8, or lacks a key.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path}: expected JSON, found none ({error})") from error
    if not isinstance(value, dict):
        raise DamagedFileError(f"{path}: expected a JSON object, found {json.dumps(value)[:60]}")
    if absent := [key for key in keys if key not in value]:
        raise DamagedFileError(f"{path}: expected the key {absent[0]!r}, found {', '.join(value) or 'none'}")
    return value


def read_csv(path: Path, *columns: str) -> list[dict[str, str]]:
    """Read a CSV file with a head row.

    Args:
        path: The file.
        columns: Those it must have.

    Raises:
        FileNotFoundError: `path` does not exist.
        DamagedFileError: It is no CSV in UTF-8, lacks a column, or a line has another number of cells than the head.
    """
    content, line = path.read_bytes(), 1
    try:
        text = content.decode("utf-8")
        reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
        head = list(reader.fieldnames or ())
        if absent := [name for name in columns if name not in head]:
            raise DamagedFileError(f"{path}, line 1: expected column {absent[0]!r}, found {', '.join(head) or 'none'}")
        rows: list[dict[str, str]] = []
        for row in reader:
            if "" in row or None in row.values():
                raise DamagedFileError(f"{path}, line {reader.line_num}: expected {len(head)} cells as in the head")
            rows.append(row)
            line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise DamagedFileError(f"{path}, line {line_of(error, content)}: not CSV in UTF-8 ({error})") from error
    except csv.Error as error:
        raise DamagedFileError(f"{path}, line {line}: not CSV in UTF-8 ({error})") from error
    return rows


def line_of(error: UnicodeDecodeError, content: bytes) -> int:
    """Line, from 1, at which some content could not be decoded."""
    return content.count(b"\n", 0, error.start) + 1
