"""Rows of a table as batches, loaded here or in other processes."""

from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from pipeline.store.images import Images
from pipeline.store.resizing import resize
from pipeline.store.runtime import RuntimeParams

T = TypeVar("T")
Batch = TypeVar("Batch")
BatchCovariant = TypeVar("BatchCovariant", covariant=True)


class Batches(Sized, Iterable[BatchCovariant], Protocol[BatchCovariant]):
    """Batches of known number, as of one epoch."""


@dataclass(frozen=True)
class ResizedImages:
    """Loads images as a network that reads pixels alone takes them; picklable.

    Attributes:
        images: The images.
        side: Side of the square they are resized to, pixels.
    """

    images: Images
    side: int

    def __call__(self, row: int) -> NDArray[np.uint8]:
        """One image: `(side, side, 3)` uint8, RGB."""
        return resize(self.images.image(row), self.side, self.side)


class _Rows(Dataset[T]):
    """Maps positions of a list of rows to items, by a function of the row alone."""

    def __init__(self, rows: Sequence[int] | NDArray[np.int64], load: Callable[[int], T]) -> None:
        self._rows = [int(row) for row in rows]
        self._load = load

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> T:
        return self._load(self._rows[position])


def batches_of(
    rows: Sequence[int] | NDArray[np.int64],
    load: Callable[[int], T],
    grouping: int | Sequence[Sequence[int]],
    runtime: RuntimeParams,
    collate: Callable[[list[T]], Batch],
) -> Batches[Batch]:
    """Load rows in batches.

    Args:
        rows: Rows of the image table, in the order wanted.
        load: Row -> item; picklable, because loader processes get a copy.
        grouping: Items a batch, of which the last may have fewer; or each batch's positions among `rows`.
        runtime: Gives the number of loader processes.
        collate: Items -> batch.
    """
    size: dict[str, Any] = {"batch_size": grouping} if isinstance(grouping, int) else {"batch_sampler": grouping}
    loader = DataLoader(
        _Rows(rows, load),
        **size,
        num_workers=runtime.workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
    )
    return cast(Batches[Batch], loader)


def cut(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Neighbours in groups of `size`, of which the last may have fewer."""
    return [items[start : start + size] for start in range(0, len(items), size)]
