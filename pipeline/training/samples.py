"""The one shape of training samples: a frozen loader that is a function of (seed, epoch, row), and its epochs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.networks.loading import Batches, batches_of
from pipeline.networks.runtime import RuntimeParams, generator_of

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


def at_epoch(load: SampleLoader[T], epoch: int) -> SampleLoader[T]:
    """The same samples as another epoch sees them."""
    return replace(load, epoch=epoch)


def shuffled_epochs(
    rows: Sequence[int] | NDArray[np.int64],
    load: SampleLoader[T],
    batch_size: int,
    runtime: RuntimeParams,
    collate: Callable[[list[T]], Batch],
) -> Callable[[int], Batches[Batch]]:
    """Epochs that go through all rows once, each in an order of its own.

    Args:
        rows: Rows to train on.
        load: Loads them.
        batch_size: Items a batch; the last may have fewer.
        runtime: Gives the seed and the loader processes.
        collate: Items -> batch.

    Returns:
        Epoch -> its batches.
    """

    def batches(epoch: int) -> Batches[Batch]:
        order = generator_of(runtime.seed, epoch).permutation(rows)
        return batches_of(order, at_epoch(load, epoch), batch_size, runtime, collate)

    return batches
