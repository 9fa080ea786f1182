"""Row-aligned HDF5 caches: read lazily, checked against their makers; `pipeline.store.hdf5_writer` writes them.

Row `i` of every cache is row `i` of the image table (`pipeline.datasets.records`). A cache says in its header which
kind of file it is, which table its rows follow and what made it, and a reader refuses one that does not fit. HDF5's
own checksums cover all of it and are checked wherever something is read.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.store.files import DamagedFileError

AGAIN = "remove it, and `dvc checkout` or `dvc repro` brings it back"
"""What to do about a damaged file."""
LOCKED: frozenset[int] = frozenset({errno.EAGAIN, errno.ENOLCK})
"""Error numbers of a file that cannot be locked."""


@dataclass(frozen=True)
class Header:
    """What a cache says of itself.

    Attributes:
        schema: Kind and version of the file, as ``part_masks/1``.
        table: Digest of the image table whose rows it follows.
        made_by: What it was computed with: name -> digest (weights, parameters).
        notes: Facts a reader needs, JSON values only (as the size of masks).
    """

    schema: str
    table: str
    made_by: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


class Dataset:
    """A dataset of an open cache; what is read of it is checked.

    Args:
        dataset: HDF5's.
        name: Its name, for messages.
        path: The cache's file, for messages.
    """

    def __init__(self, dataset: h5py.Dataset, name: str, path: Path) -> None:
        self._dataset = dataset
        self._what = f"dataset {name!r}"
        self._path = path

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis, rows first."""
        return tuple(self._dataset.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's type of the values."""
        found: np.dtype[Any] = self._dataset.dtype
        return found

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Read values as NumPy would index them.

        Raises:
            DamagedFileError: They are not what was written.
        """
        with _naming(self._path, self._what):
            return self._dataset[index]


class Cache:
    """A cache opened for reading, lazily and once in each process.

    Safe to send to data-loader workers: the handle is never pickled, and never used by a process that inherited it in
    a fork.

    Args:
        path: The file.
        schema: The kind and version the reader understands.
        table: Digest of the table the reader works on; None skips that check.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: The file is of another kind, follows another table or is no cache.
        DamagedFileError: Its structure is not what was written.
    """

    def __init__(self, path: Path, schema: str, table: str | None = None) -> None:
        self.path = path
        self._file: h5py.File | None = None
        self._datasets: dict[str, Dataset] = {}  # of that file: to open one takes far longer than to read a row
        self._process = 0
        self.header = read_header(path)
        if self.header.schema != schema:
            raise ValueError(f"{path}: expected a file of kind {schema!r}, got {self.header.schema!r}")
        if table is not None and self.header.table != table:
            raise ValueError(
                f"{path}: its rows follow the image table {self.header.table[:12]}, but the images in use are "
                f"table {table[:12]}; rebuild it with `dvc repro`"
            )

    @property
    def file(self) -> h5py.File:
        """The open HDF5 file of this process."""
        if self._file is None or self._process != os.getpid():
            self.close()  # else HDF5 would read on through a handle inherited in a fork
            with _naming(self.path, "it"):
                self._file, self._process = opened(self.path), os.getpid()
        assert self._file is not None
        return self._file

    def __contains__(self, name: str) -> bool:
        with _naming(self.path, "its list of datasets"):
            return name in self.file

    def __getitem__(self, name: str) -> Dataset:
        file = self.file
        if name not in self._datasets:
            if name not in self:
                raise KeyError(f"{self.path}: no dataset {name!r}; it has {', '.join(sorted(file))}")
            with _naming(self.path, f"dataset {name!r}"):
                self._datasets[name] = Dataset(file[name], name, self.path)
        return self._datasets[name]

    def row(self, name: str, row: int) -> NDArray[Any]:
        """One row of a dataset."""
        return np.asarray(self[name][row])

    def text(self, name: str) -> NDArray[np.str_]:
        """Read a text dataset as an array of `str`."""
        return np.char.decode(self[name][()], "utf-8")

    def close(self) -> None:
        """Close this process's handle."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._datasets = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_datasets": {}}


def opened(path: Path) -> h5py.File:
    """An HDF5 file, opened for reading.

    Raises:
        BlockingIOError: Another program holds it, or its file system has no locks.
        OSError: It is no HDF5 file.
    """
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno not in LOCKED and "unable to lock file" not in str(error):
            raise
        raise BlockingIOError(
            f"{path}: locked: another program has it open for writing, or its file system has no locks; close "
            "it there or, where nothing writes it, set HDF5_USE_FILE_LOCKING=FALSE"
        ) from error


def read_header(path: Path) -> Header:
    """Read a cache's header.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: The file is not a cache of this pipeline.
        BlockingIOError: It is locked.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; `dvc repro` or `dvc pull` makes it")
    try:
        with opened(path) as file:
            return Header(**json.loads(file.attrs["header"]))
    except BlockingIOError:
        raise
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: not a cache of this pipeline, or damaged ({error}); {AGAIN}") from error


@contextlib.contextmanager
def _naming(path: Path, what: str) -> Iterator[None]:
    """Turn what HDF5 says of damage, which names no file, into one error that does."""
    try:
        yield
    except BlockingIOError:
        raise
    except (OSError, KeyError, RuntimeError) as error:
        message = f"{path}: {what} is damaged: expected the content its checksum was made of, found another"
        raise DamagedFileError(f"{message} ({str(error).strip(chr(39))}); {AGAIN}") from error


def check_same(name: str, expected: Mapping[str, str], found: Mapping[str, str], where: Path) -> None:
    """Check that two makers' records agree on `name`.

    Raises:
        ValueError: They differ; the message names both digests.
    """
    if expected.get(name) != found.get(name):
        raise ValueError(
            f"{where}: made with {name} {str(found.get(name))[:12]}, expected {str(expected.get(name))[:12]}"
        )
