"""Rows that are finished already: shards that an interrupted run has left, and caches of the same maker.

A cache's index, ``data/rows/...``, says what decided each of its rows. It is a file of its own, so that an edit of the
code changes the index and not the cache, and nothing that reads the cache runs again without need.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.maps.columns import Arrays
from pipeline.maps.keys import KEY
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.files import file_digest, set_aside
from pipeline.store.places import Workspace

SCHEMA = "rows/1"
SHARD = "rows_shard/1"
ROWS = "rows"
"""What `Files` calls a cache's index."""

Files = Mapping[str, Path]
"""Caches that follow the same rows, by kind, and their index under `ROWS`."""


def files_of(workspace: Workspace, kinds: Sequence[str]) -> Files:
    """Where caches lie in a workspace, and their index, which is named by the first.

    Args:
        workspace: Seen from a data set and, where there is one, a model.
        kinds: Kinds of the caches that follow the same rows.
    """
    return {ROWS: workspace.path(f"{kinds[0]}_rows")} | {kind: workspace.path(kind) for kind in kinds}


def found_elsewhere(workspace: Workspace, kinds: Sequence[str], others: Iterable[str]) -> list[Files]:
    """Caches of these kinds, of all data sets and models, in a workspace and in others.

    Args:
        workspace: This one.
        kinds: See `files_of`.
        others: Folders of others, relative to this one's.

    Raises:
        FileNotFoundError: A folder does not exist.
    """
    roots = [workspace.root, *(workspace.root / other for other in others)]
    for root in roots:
        if not root.is_dir():
            raise FileNotFoundError(f"runtime.reuse: {root}: no such folder")
    seen = [view for root in roots for view in replace(workspace, root=root).having(f"{kinds[0]}_rows")]
    return [files_of(view, kinds) for view in seen]


class Finished(Protocol):
    """Rows that are finished."""

    @property
    def keys(self) -> NDArray[np.bytes_]:
        """What decided each row, `(R,)`, see `pipeline.maps.keys.row_keys`."""

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        """What was found in some of them."""


def located(wanted: NDArray[np.bytes_], keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Where each wanted key is among others, -1 where it is not."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(keys, kind="stable")
    nearest = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[nearest] == wanted, nearest, -1).astype(np.int64)


class Shards:
    """Finished shards in a scratch folder, a file each, which is there whole or not at all.

    Args:
        folder: Named by a digest of the maker.
    """

    def __init__(self, folder: Path) -> None:
        self._files = shards_in(folder)
        lengths = []
        keys = [np.empty(0, KEY)]
        for file in self._files:
            with hdf5.Cache(file, SHARD) as shard:
                keys.append(np.asarray(shard["keys"][()], KEY))
            lengths.append(len(keys[-1]))
        self.keys: NDArray[np.bytes_] = np.concatenate(keys)
        self._starts = np.cumsum([0, *lengths])
        self._open: tuple[int, Arrays] | None = None

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        """What was found in some rows; one shard is in memory at a time."""
        found: Arrays = {}
        files = np.searchsorted(self._starts, rows, side="right") - 1
        for file in np.unique(files).tolist():
            mine = files == file
            for name, values in self._shard(file).items():
                out = found.setdefault(name, np.empty((len(rows), *values.shape[1:]), values.dtype))
                out[mine] = values[rows[mine] - self._starts[file]]
        return found

    def _shard(self, number: int) -> Arrays:
        if self._open is None or self._open[0] != number:
            self._open = number, _found_in_shard(self._files[number])
        return self._open[1]


def keep(folder: Path, keys: NDArray[np.bytes_], found: Arrays) -> None:
    """Write a finished shard, compressed where it holds masks, which become ten times smaller by it."""
    name = hashlib.sha256(keys.tobytes()).hexdigest()[:32]
    with hdf5_writer.create(folder / f"{name}.h5", hdf5.Header(SHARD, "")) as shard:
        shard.array("keys", keys)
        for column, values in found.items():
            if values.dtype.itemsize == 1 and values.ndim > 1:
                shard.rows(column, len(values), values.shape[1:], values.dtype, compress=True).append(values)
            else:
                shard.array(column, values)


def shards_in(folder: Path) -> list[Path]:
    """Files of the finished shards in a scratch folder, which need not exist, by name."""
    return sorted(folder.glob("[!.]*.h5"))


def set_damaged_aside(folder: Path) -> None:
    """Take shards that are not whole out of a scratch folder, with a word on standard error; their rows are made again.

    Args:
        folder: It need not exist.
    """
    for file in shards_in(folder):
        try:
            _found_in_shard(file)
        except (OSError, ValueError, KeyError) as error:
            kept = set_aside(file)
            tqdm.write(f"{error}\nIt was set aside as {kept.name}; its rows are computed again.", file=sys.stderr)


def _found_in_shard(file: Path) -> Arrays:
    """All that a shard holds but its keys.

    Raises:
        ValueError: It is damaged, or its columns differ in length.
    """
    with hdf5.Cache(file, SHARD) as shard:
        found = {name: np.asarray(shard[name][()]) for name in shard.file}
    if "keys" not in found or len({len(values) for values in found.values()}) != 1:
        raise ValueError(f"{file}: expected keys and columns of one length, got {sorted(found)}")
    return {name: values for name, values in found.items() if name != "keys"}


class Former:
    """Rows of caches that exist.

    Args:
        files: The caches and their index.
        names: What a map finds -> the kind of cache that holds it, under the same name.
    """

    def __init__(self, files: Files, names: Mapping[str, str]) -> None:
        self._index = hdf5.Cache(files[ROWS], SCHEMA)
        self._names = names
        kinds = set(names.values())
        self._caches = {kind: hdf5.Cache(files[kind], hdf5.read_header(files[kind]).schema) for kind in kinds}

    @cached_property
    def keys(self) -> NDArray[np.bytes_]:
        """What decided each row."""
        return np.asarray(self._index["keys"][()], KEY)

    def close(self) -> None:
        """Close the files."""
        for cache in (self._index, *self._caches.values()):
            cache.close()

    def read(self, rows: NDArray[np.int64]) -> Arrays:
        """What was found in some rows."""
        found = {}
        for name, kind in self._names.items():
            values = self._caches[kind][name]
            neighbours = np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
            run = values[rows[0] : rows[0] + len(rows)] if neighbours else np.stack([values[int(row)] for row in rows])
            found[name] = np.asarray(run)
        return found


def open_former(files: Files, names: Mapping[str, str], maker: str) -> Former | None:
    """Rows of caches that were made by the same maker, None where they were not, or are not those of the index.

    Args:
        files: The caches and their index, which need not exist.
        names: See `Former`.
        maker: See `pipeline.maps.keys.maker_digest`.

    Raises:
        ValueError: A file that should be a cache is none.
    """
    kinds = sorted(set(names.values()))
    if not all(files[kind].exists() for kind in (ROWS, *kinds)):
        return None
    header = hdf5.read_header(files[ROWS])
    if header.schema != SCHEMA or header.made_by != {"maker": maker}:
        return None
    if any(header.notes["files"].get(kind) != file_digest(files[kind]) for kind in kinds):
        return None  # replaced since, by another hand or another version
    return Former(files, names)


def write_index(files: Files, kinds: Iterable[str], table: str, keys: NDArray[np.bytes_], maker: str) -> None:
    """Say what decided each row of caches, and of which caches.

    Args:
        files: The caches, written, and where their index goes.
        kinds: Which of the caches hold what the map finds.
        table: Digest of the image table.
        keys: `(R,)` see `pipeline.maps.keys.row_keys`.
        maker: See `pipeline.maps.keys.maker_digest`.
    """
    digests = {kind: file_digest(files[kind]) for kind in sorted(set(kinds))}
    with hdf5_writer.create(files[ROWS], hdf5.Header(SCHEMA, table, {"maker": maker}, {"files": digests})) as cache:
        cache.array("keys", keys)


def found_in(sources: Sequence[Finished], keys: NDArray[np.bytes_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of some sources has each row, the first that does, and where in it.

    Args:
        sources: Finished rows.
        keys: `(R,)` the rows wanted.

    Returns:
        `(R,)` numbers of sources, -1 where none has the row; `(R,)` rows in them.
    """
    where, rows = np.full(len(keys), -1, np.int64), np.full(len(keys), -1, np.int64)
    for number, source in enumerate(sources):
        open_ones = np.flatnonzero(where < 0)
        found = located(keys[open_ones], source.keys)
        where[open_ones[found >= 0]] = number
        rows[open_ones] = found
    return where, rows
