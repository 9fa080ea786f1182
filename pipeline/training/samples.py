"""The one shape of training samples: frozen loaders, functions of (seed, epoch, row, appearance), and their epochs."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.networks.devices import share_of
from pipeline.networks.loading import Batches, batches_of, cut
from pipeline.networks.runtime import generator_of
from pipeline.store.runtime import RuntimeParams

Item = TypeVar("Item", covariant=True)
T = TypeVar("T")
Batch = TypeVar("Batch")


class SampleLoader(Protocol[Item]):
    """A frozen, picklable dataclass that loads rows as one epoch sees them.

    Attributes:
        seed: Of the random changes.
        epoch: Epoch, so that each one changes a row differently.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def seed(self) -> int:
        """Of the random changes."""

    @property
    def epoch(self) -> int:
        """Epoch, so that each one changes a row differently."""

    def __call__(self, row: int, /) -> Item:
        """Load one row."""


class RepeatingLoader(SampleLoader[Item], Protocol[Item]):
    """A loader for epochs that may draw a row several times, each of its appearances changed in its own way."""

    def __call__(self, row: int, appearance: int = 0, /) -> Item:
        """Load one row, which the epoch has drawn `appearance` times before."""


Loader = TypeVar("Loader", bound=SampleLoader[Any])


def at_epoch(load: Loader, epoch: int) -> Loader:
    """The same samples as another epoch sees them."""
    return replace(load, epoch=epoch)


def shuffled_epochs(
    rows: Sequence[int] | NDArray[np.int64],
    load: SampleLoader[T],
    batch_size: int,
    runtime: RuntimeParams,
    collate: Callable[[list[T]], Batch],
) -> Callable[[int], Batches[Batch]]:
    """Epochs that go through all rows once, each in an order of its own; a process loads its share of each batch.

    Args:
        rows: Rows to train on.
        load: Loads them.
        batch_size: Items a batch of all processes together; the last may have fewer.
        runtime: Gives the seed and the loader processes.
        collate: Items -> batch.

    Returns:
        Epoch -> its batches.
    """

    def batches(epoch: int) -> Batches[Batch]:
        return shuffled_batches(rows, at_epoch(load, epoch), epoch, batch_size, runtime, collate)

    return batches


def shuffled_batches(
    rows: Sequence[int] | NDArray[np.int64],
    load: Callable[[int], T],
    epoch: int,
    batch_size: int,
    runtime: RuntimeParams,
    collate: Callable[[list[T]], Batch],
) -> Batches[Batch]:
    """One epoch of `shuffled_epochs`.

    Args:
        rows: Rows to train on.
        load: Loads them as this epoch sees them.
        epoch: Epoch, which gives the order.
        batch_size: Items a batch of all processes together; the last may have fewer.
        runtime: Gives the seed and the loader processes.
        collate: Items -> batch.
    """
    order = generator_of(runtime.seed, epoch).permutation(rows)
    shares = [share_of(group) for group in cut(range(len(order)), batch_size)]
    return batches_of(order, load, shares, runtime, collate)


def drawn_batches(
    rows: Sequence[int] | NDArray[np.int64],
    groups: Sequence[Sequence[int]],
    load: RepeatingLoader[T],
    runtime: RuntimeParams,
    collate: Callable[[list[T]], Batch],
    unit: int = 1,
) -> Batches[Batch]:
    """One epoch of batches that were drawn, in which a row may appear again; a process loads its share of each.

    Args:
        rows: Rows to train on.
        groups: Each batch's positions among `rows`, in the order of the epoch.
        load: Loads a row; given how often the epoch has drawn it before, so that copies of a row differ.
        runtime: Gives the loader processes.
        collate: Items -> batch.
        unit: Neighbours in a batch that no two processes share, as the images of a vehicle.
    """
    seen: Counter[int] = Counter()
    draws = []
    for row in (int(rows[position]) for group in groups for position in group):
        draws.append((row, seen[row]))
        seen[row] += 1
    numbers = iter(range(len(draws)))
    grouping = [share_of(list(islice(numbers, len(group))), unit) for group in groups]
    return batches_of(range(len(draws)), _Draws(load, draws), grouping, runtime, collate)


@dataclass(frozen=True)
class _Draws(Generic[T]):
    """Loads the draws of one epoch by number; picklable.

    Attributes:
        load: Loads a row.
        draws: Row and appearance of each draw.
    """

    load: RepeatingLoader[T]
    draws: list[tuple[int, int]]

    def __call__(self, number: int) -> T:
        return self.load(*self.draws[number])
