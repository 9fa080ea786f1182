"""Row-aligned HDF5 caches: written whole, byte for byte repeatable, read lazily, checked against their makers.

Row `i` of every cache is row `i` of the image table (`pipeline.datasets.records`). A cache says in its header which
kind of file it is, which table its rows follow and what made it, and a reader refuses one that does not fit.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.store.files import atomic

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


class RowDataset:
    """A dataset under construction that is filled in row order.

    Args:
        dataset: An HDF5 dataset with its final shape; its first axis is the row.
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset
        self.filled = 0

    def append(self, rows: ArrayLike) -> None:
        """Write the next rows, `(B, ...)`.

        Raises:
            ValueError: More rows than the cache holds.
        """
        block = np.asarray(rows)
        end = self.filled + len(block)
        if end > len(self._dataset):
            raise ValueError(f"{self._dataset.name}: got {end} rows for a cache of {len(self._dataset)}")
        self._dataset[self.filled : end] = block
        self.filled = end

    @property
    def complete(self) -> bool:
        """Whether every row has been written."""
        return self.filled == len(self._dataset)


class CacheWriter:
    """Fills one cache; obtained from `create`."""

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file = file
        self._path = path
        self._pending: dict[str, RowDataset] = {}

    def rows(
        self, name: str, count: int, row_shape: tuple[int, ...], dtype: Any, *, compress: bool = False
    ) -> RowDataset:
        """Declare a dataset `(count, *row_shape)` that will be appended to in row order.

        Args:
            name: Dataset name.
            count: Number of rows.
            row_shape: Shape of one row.
            dtype: NumPy dtype of the values.
            compress: Compress with gzip, one chunk per row, so that a random read touches one chunk.
        """
        if compress:
            dataset = self._file.create_dataset(
                name,
                (count, *row_shape),
                dtype,
                chunks=(1, *row_shape),
                compression="gzip",
                compression_opts=4,
                shuffle=True,
            )
        else:
            dataset = self._file.create_dataset(name, (count, *row_shape), dtype)
        self._pending[name] = RowDataset(dataset)
        return self._pending[name]

    def array(self, name: str, values: ArrayLike) -> None:
        """Write a whole array; text becomes fixed-length UTF-8 bytes."""
        array = np.asarray(values)
        if array.dtype.kind == "U":
            array = np.char.encode(array, "utf-8") if array.size else np.zeros(array.shape, "S1")
        if array.dtype.kind == "S" and array.dtype.itemsize == 0:
            array = array.astype("S1")
        self._file.create_dataset(name, data=np.ascontiguousarray(array))

    def check_complete(self) -> None:
        """Raise when a declared dataset lacks rows."""
        for name, rows in self._pending.items():
            if not rows.complete:
                raise ValueError(f"{self._path}: dataset {name!r} has {rows.filled} rows written and lacks the rest")


@contextlib.contextmanager
def create(path: Path, header: Header) -> Iterator[CacheWriter]:
    """Write a cache whole or not at all.

    Args:
        path: Where the finished file goes.
        header: Its kind, table and makers.

    Yields:
        A `CacheWriter`.

    Raises:
        ValueError: A dataset was left incomplete.
    """
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["header"] = json.dumps(asdict(header), sort_keys=True)
        writer = CacheWriter(file, path)
        yield writer
        writer.check_complete()


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
    """

    def __init__(self, path: Path, schema: str, table: str | None = None) -> None:
        self.path = path
        self._file: h5py.File | None = None
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
            self._file, self._process = opened(self.path), os.getpid()
        return self._file

    def __contains__(self, name: str) -> bool:
        return name in self.file

    def __getitem__(self, name: str) -> h5py.Dataset:
        if name not in self.file:
            raise KeyError(f"{self.path}: no dataset {name!r}; it has {', '.join(sorted(self.file))}")
        return self.file[name]

    def text(self, name: str) -> NDArray[np.str_]:
        """Read a text dataset as an array of `str`."""
        return np.char.decode(self[name][()], "utf-8")

    def close(self) -> None:
        """Close this process's handle."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


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
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a cache of this pipeline ({error})") from error


def check_same(name: str, expected: Mapping[str, str], found: Mapping[str, str], where: Path) -> None:
    """Check that two makers' records agree on `name`.

    Raises:
        ValueError: They differ; the message names both digests.
    """
    if expected.get(name) != found.get(name):
        raise ValueError(
            f"{where}: made with {name} {str(found.get(name))[:12]}, expected {str(expected.get(name))[:12]}"
        )
