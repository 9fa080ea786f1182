"""Where and how arithmetic runs: device, precision, processes, seeds. Shared by every stage that has a network."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from pipeline.seeding import seed_everything

T = TypeVar("T")


@dataclass(frozen=True)
class Runtime:
    """The `runtime` section of `params.yaml`.

    Attributes:
        seed: Seed of every generator.
        threads: CPU threads of torch; part of the result, because sums are split by thread. 0 leaves it to torch.
        workers: Data-loader processes; 0 loads in the training process.
        accelerator: Lightning Fabric's name: ``auto``, ``cpu``, ``cuda``.
        devices: Devices to train on.
        precision: Fabric's name: ``32-true``, ``bf16-mixed``, ``16-mixed``.
    """

    seed: int
    threads: int
    workers: int
    accelerator: Literal["auto", "cpu", "cuda"]
    devices: int
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]


def start(runtime: Runtime) -> Fabric:
    """Seed everything and return the Fabric that places modules and batches."""
    seed_everything(runtime.seed, runtime.threads)
    fabric = Fabric(accelerator=runtime.accelerator, devices=runtime.devices, precision=runtime.precision)
    fabric.launch()
    return fabric


class RowDataset(Dataset[T]):
    """Maps positions of a list of rows to items, by a function of the row alone.

    Args:
        rows: `(M,)` rows of the image table.
        load: Row -> item; sent to loader workers, so it must be picklable when there are any.
    """

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
    batch_size: int,
    runtime: Runtime,
    collate: Callable[[list[T]], object],
) -> Iterable[object]:
    """Load rows in order, in batches; the last one may be smaller.

    Args:
        rows: Rows of the image table, in the order wanted.
        load: Row -> item.
        batch_size: Items a batch.
        runtime: Gives the number of loader processes.
        collate: Items -> batch.
    """
    return DataLoader(
        RowDataset(rows, load),
        batch_size=batch_size,
        num_workers=runtime.workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
    )
