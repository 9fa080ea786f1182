"""One place that makes runs repeat: seeds of every generator and the thread count of CPU arithmetic."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset


def seed_everything(seed: int, threads: int) -> None:
    """Seed Python, NumPy's legacy generator, torch and OpenCV, and fix torch's CPU threads.

    Sums are split by thread, so CPU training repeats byte for byte only at a fixed thread count; that is why
    it is a parameter and not a property of the machine.

    Args:
        seed: Any non-negative integer below 2**31.
        threads: CPU threads of torch's operators; 0 keeps torch's own choice, which is not reproducible
            across machines.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - third parties draw from it
    torch.manual_seed(seed)
    cv2.setRNGSeed(seed)
    if threads:
        torch.set_num_threads(threads)


def generator_of(*keys: int) -> np.random.Generator:
    """Return a NumPy generator that depends on nothing but `keys`, as (seed, epoch, row)."""
    return np.random.default_rng(np.random.SeedSequence((len(keys), *keys)))  # else (1,) and (1, 0) would agree


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
