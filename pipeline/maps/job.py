"""A map over rows: what is finished is taken, the rest is computed by an engine, and all of it comes in row order.

Whatever the engine, the number of workers and what was finished before, results are the same, and so are the bytes of a
cache written of them.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.maps.columns import Arrays, Columns
from pipeline.maps.finished import (
    ROWS,
    Files,
    Finished,
    Shards,
    found_in,
    keep,
    open_former,
    set_damaged_aside,
    write_index,
)

SHARD_ROWS = 256
"""Rows a worker finishes before they are kept; an interruption loses at most these, of each worker."""
BLOCK_ROWS = 256
"""Rows that come at once."""

Work = Callable[[Columns], Iterator[Arrays]]
"""Computes rows in order, in blocks of any size."""
Make = Callable[[], Work]
"""Readies a worker process, as by placing a network, and gives its work; picklable."""
Shard = NDArray[np.int64]
"""Positions of the rows of a shard."""
Engine = Callable[[Columns, Sequence[Shard]], Iterator[tuple[Shard, Arrays]]]
"""Computes shards, which may come in any order, each as soon as it is finished."""


@dataclass(frozen=True)
class Job:
    """A map over rows, to be computed or finished.

    Attributes:
        columns: What is read of each row.
        keys: `(R,)` digests of that, see `pipeline.maps.keys.row_keys`.
        maker: Digest of everything else that decides the result, see `pipeline.maps.keys.maker_digest`.
        table: Digest of the image table.
        scratch: Folder of finished shards, named by a digest of the maker; whoever asks for the map removes it.
        files: Where the caches and their index go.
        names: What is found -> the kind of cache that holds it.
        former: Caches and indices that may hold the same rows; those of another maker are left alone.
        unit: Rows of a batch; shards are made of whole ones.
    """

    columns: Columns
    keys: NDArray[np.bytes_]
    maker: str
    table: str
    scratch: Path
    files: Files
    names: Mapping[str, str]
    former: Sequence[Files] = field(default=())
    unit: int = 1

    @contextlib.contextmanager
    def finished(self, engine: Engine) -> Iterator[Iterator[Arrays]]:
        """Compute what is missing; the block that gets the results writes the caches, and their index follows.

        Args:
            engine: Computes the rows that nobody has.

        Yields:
            Blocks of results, in row order.

        Raises:
            RuntimeError: The engine left rows out.
        """
        set_damaged_aside(self.scratch)
        with contextlib.ExitStack() as closing:
            sources: list[Finished] = [Shards(self.scratch)]
            for files in self.former:
                if (found_in(sources, self.keys)[0] >= 0).all():
                    break
                if (found := open_former(files, self.names, self.maker)) is not None:
                    closing.callback(found.close)
                    sources.append(found)
            self._compute(engine, sources)
            yield self._blocks([Shards(self.scratch), *sources[1:]])
        write_index(self.files, self.names.values(), self.table, self.keys, self.maker)

    def _compute(self, engine: Engine, sources: Sequence[Finished]) -> None:
        """Have the missing rows computed, and keep each shard as it comes."""
        missing = np.flatnonzero(found_in(sources, self.keys)[0] < 0)
        size = -(-SHARD_ROWS // self.unit) * self.unit
        shards = [missing[start : start + size] for start in range(0, len(missing), size)]
        known = len(self.keys) - len(missing)
        with tqdm(total=len(self.keys), initial=known, unit="image", mininterval=5, disable=None) as bar:
            for shard, found in engine(self.columns, shards):
                keep(self.scratch, self.keys[shard], found)
                bar.update(len(shard))

    def _blocks(self, sources: Sequence[Finished]) -> Iterator[Arrays]:
        where, rows = found_in(sources, self.keys)
        if (where < 0).any():
            raise RuntimeError(f"{self.files[ROWS]}: {int((where < 0).sum())} of {len(where)} rows were not computed")
        for start in range(0, len(where), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            yield _gathered(sources, where[block], rows[block])


def _gathered(sources: Sequence[Finished], where: NDArray[np.int64], rows: NDArray[np.int64]) -> Arrays:
    """A block of rows, each from the source that has it."""
    block: Arrays = {}
    for number in np.unique(where).tolist():
        mine = where == number
        found = sources[number].read(rows[mine])
        if block and set(found) != set(block):
            raise RuntimeError(f"finished rows hold {sorted(found)} and {sorted(block)}: remove .scratch and run again")
        for name, values in found.items():
            out = block.setdefault(name, np.empty((len(where), *values.shape[1:]), values.dtype))
            out[mine] = values
    return block
