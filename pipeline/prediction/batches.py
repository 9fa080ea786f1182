"""Rows predicted in batches, the same whatever is beside them and whoever predicts them."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.maps.columns import Arrays
from pipeline.networks.devices import on_first, process, processes
from pipeline.networks.loading import batches_of, cut
from pipeline.store.runtime import RuntimeParams

Batch = TypeVar("Batch")


def predicted(
    predict: Callable[[Batch], Arrays],
    rows: Sequence[int] | NDArray[np.int64],
    load: Callable[[int], Any],
    batch_size: int,
    runtime: RuntimeParams,
    collate: Callable[[list[Any]], Batch],
) -> Iterator[Arrays]:
    """Predict row after row; several processes take a batch each in turn.

    All batches are of one size, the last one filled up by its last item, because a network's output for an image may
    depend on the size of the batch, in its last digits (benchmarks/batch_company.py). So what is found in a row depends
    neither on the rows beside it nor on the number of processes.

    Args:
        predict: A batch -> what is found in its items, on the CPU.
        rows: Rows of the image table, in the order wanted.
        load: Row -> item, see `batches_of`.
        batch_size: Items a batch.
        runtime: Gives the number of loader processes.
        collate: Items -> batch.

    Yields:
        What is found in each batch, in order; nothing on other processes than the first, which take part by going
        through it all the same.
    """
    groups = cut(range(len(rows)), batch_size)
    own = groups[process() :: processes()]
    batches = batches_of(rows, load, own, runtime, partial(_filled, collate, batch_size))
    found = (_first_of(predict(batch), len(group)) for group, batch in zip(own, batches, strict=True))
    for _ in range(math.ceil(len(groups) / processes())):
        yield from on_first(next(found, None))


def _filled(collate: Callable[[list[Any]], Batch], size: int, items: list[Any]) -> Batch:
    return collate(items + items[-1:] * (size - len(items)))


def _first_of(found: Arrays, count: int) -> Arrays:
    return {name: values[:count] for name, values in found.items()}
