"""What a map reads of each row and what it finds, by name.

A map is a function of a row's values alone. What it reads are columns, read from files only when asked for, so that a
shard of them can be sent to another process or machine that has none of the files.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, Sequence[Any]]
"""Name -> one value a row; all equally long."""
Arrays = dict[str, NDArray[Any]]
"""Name -> `(R, ...)`, what was found in each of R rows."""


@dataclass(frozen=True)
class Column(Sequence[Any]):
    """Values of some rows, each read when it is asked for; picklable where `read` is.

    Attributes:
        read: Row -> its value.
        rows: `(R,)` int64.
    """

    read: Callable[[int], Any]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> "Column": ...
    def __getitem__(self, position: int | slice) -> Any:
        if isinstance(position, slice):
            return Column(self.read, self.rows[position])
        return self.read(int(self.rows[position]))


def chosen(columns: Columns, positions: NDArray[np.int64]) -> Columns:
    """The same columns of some rows alone, still to be read.

    Args:
        columns: Of all rows.
        positions: `(R,)` which of them.
    """
    return {name: Column(column.__getitem__, positions) for name, column in columns.items()}


def loaded(columns: Columns, positions: NDArray[np.int64]) -> Columns:
    """The same columns of some rows alone, read."""
    return {name: [column[int(position)] for position in positions] for name, column in columns.items()}


def joined(blocks: Iterable[Arrays]) -> Arrays:
    """Blocks of rows as one.

    Args:
        blocks: At least one; all with the same names.
    """
    found = list(blocks)
    return {name: np.concatenate([block[name] for block in found]) for name in found[0]}
