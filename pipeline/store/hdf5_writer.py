"""Writes row-aligned HDF5 caches (`pipeline.store.hdf5`): whole or not at all, byte for byte repeatable.

Values carry HDF5's checksums (fletcher32, a chunk), and so does the structure (format 1.10).
"""

import contextlib
import json
import math
import operator
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from pipeline.store.disk_space import INDEX_BYTES, Room, writable
from pipeline.store.files import atomic
from pipeline.store.hdf5 import Header

FORMAT = ("v110", "v110")
"""Version of HDF5's format, the first that has checksums in all of its structure."""
CHUNK_BYTES = 1 << 15
"""About how many bytes one checksum covers: what a read of a few bytes takes at least, far less than HDF5 keeps."""


class RowDataset:
    """A dataset under construction that is filled in row order.

    Args:
        dataset: An HDF5 dataset with its final shape; its first axis is the row.
        room: Where its rows find space.
    """

    def __init__(self, dataset: h5py.Dataset, room: Room) -> None:
        self._dataset = dataset
        self._room = room
        self.filled = 0

    def append(self, rows: ArrayLike) -> None:
        """Write the next rows, `(B, ...)`.

        Raises:
            ValueError: More rows than the cache holds.
            OSError: The disk is full.
        """
        block = np.asarray(rows, self._dataset.dtype)
        end = self.filled + len(block)
        if end > len(self._dataset):
            raise ValueError(f"{self._dataset.name}: got {end} rows for a cache of {len(self._dataset)}")
        self._room.make(block.nbytes)
        self._dataset[self.filled : end] = block
        self.filled = end

    @property
    def complete(self) -> bool:
        """Whether every row has been written."""
        return self.filled == len(self._dataset)


class CacheWriter:
    """Fills one cache; obtained from `create`."""

    def __init__(self, file: h5py.File, path: Path, room: Room) -> None:
        self._file = file
        self._path = path
        self._room = room
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
        shape, options = (count, *row_shape), {"compression": "gzip", "compression_opts": 4, "shuffle": True}
        chunks = (1, *row_shape) if compress else _chunks(shape, np.dtype(dtype))
        filters = {"chunks": chunks, **(options if compress else {})}
        self._pending[name] = RowDataset(self._create(name, shape, dtype, filters), self._room)
        return self._pending[name]

    def array(self, name: str, values: ArrayLike) -> None:
        """Write a whole array; text becomes fixed-length UTF-8 bytes."""
        array = np.asarray(values)
        if array.dtype.kind == "U":
            array = np.char.encode(array, "utf-8") if array.size else np.zeros(array.shape, "S1")
        if array.dtype.kind == "S" and array.dtype.itemsize == 0:
            array = array.astype("S1")
        array = np.ascontiguousarray(array)
        self._room.make(array.nbytes)
        dataset = self._create(name, array.shape, array.dtype, {"chunks": _chunks(array.shape, array.dtype)})
        if array.size:
            dataset[...] = array

    def _create(self, name: str, shape: tuple[int, ...], dtype: Any, filters: dict[str, Any]) -> h5py.Dataset:
        """Make a dataset with checksums; one without values has nothing to check, and HDF5 gives it no chunks."""
        if all(shape):
            self._room.make(INDEX_BYTES * math.prod(map(operator.floordiv, shape, filters["chunks"])))
        return self._file.create_dataset(name, shape, dtype, **({**filters, "fletcher32": True} if all(shape) else {}))

    def check_complete(self) -> None:
        """Raise when a declared dataset lacks rows."""
        for name, rows in self._pending.items():
            if not rows.complete:
                raise ValueError(f"{self._path}: dataset {name!r} has {rows.filled} rows written and lacks the rest")


def _chunks(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Whole rows of about `CHUNK_BYTES`, at least one."""
    row = math.prod(shape[1:]) * dtype.itemsize
    return (max(1, min(shape[0], CHUNK_BYTES // max(row, 1))), *shape[1:])


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
        OSError: The file system refuses what is written, as when it is full.
    """
    with atomic(path) as temporary, writable(temporary, FORMAT) as (file, room):
        # of fixed length: HDF5 keeps other text in a heap that has no checksum
        file.attrs["header"] = np.bytes_(json.dumps(asdict(header), sort_keys=True).encode())
        writer = CacheWriter(file, path, room)
        yield writer
        writer.check_complete()
