"""The processes that share a training or a prediction, one a device: their shares, and what they tell each other.

The whole batch's loss is the mean over processes of each one's loss, and Fabric's DDP averages gradients. A loss that
is a mean over images therefore counts by the size of the share (`of_batch`), and one that needs all images at once is
computed by each process on what all of them gather (`gathered`). Everything here is the identity in a single process.
"""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.logger import Logger
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torch import distributed as group

T = TypeVar("T")


class DataParallel(DDPStrategy):
    """Fabric's DDP for networks in training mode; one in evaluation mode stays as it is, each process having its own.

    Parameters that only a loss of weight 0 would train are found out in each step, and left alone as one process does.

    Args:
        synchronised_norm: Whether batch norm takes its statistics over the whole batch.
    """

    def __init__(self, *, synchronised_norm: bool) -> None:
        super().__init__(find_unused_parameters=True)
        self._synchronised_norm = synchronised_norm

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]  # not wrapped to predict
        """Prepare a network for its use by several processes.

        Raises:
            ValueError: Batch norm is to be synchronised on CPUs, which torch cannot.
        """
        if not module.training:
            return module
        if self._synchronised_norm:
            check_norm(self.root_device.type)
            from timm.layers.norm_act import convert_sync_batchnorm  # torch's own drops the activations in timm's norms

            module = convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return super().setup_module(module)


def check_norm(device: str) -> None:
    """Refuse batch norm over the whole batch where torch has none.

    Args:
        device: Kind of device, by torch's name.

    Raises:
        ValueError: It is no GPU.
    """
    if device != "cuda":
        raise ValueError("runtime.synchronised_norm: expected false on CPUs, where torch has no such batch norm")


def launch(
    accelerator: str, devices: int, precision: Any, *, synchronised_norm: bool, loggers: Sequence[Logger] = ()
) -> Fabric:
    """Start the processes that share the work, this one among them, and join them.

    On one machine the first process starts the others, by the command it was itself started with. Under torchrun, all
    are there.

    Args:
        accelerator: Kind of device, by Fabric's name.
        devices: Devices of this machine.
        precision: By Fabric's name.
        synchronised_norm: See `DataParallel`.
        loggers: Where trainings report.

    Raises:
        ValueError: There are fewer devices, or torchrun has started another number of processes.
    """
    is_child = "LOCAL_RANK" in os.environ and not group.is_torchelastic_launched()
    fabric = fabric_of(accelerator, devices, precision, synchronised_norm=synchronised_norm, loggers=loggers)
    if is_child and devices > 1:
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    fabric.launch()
    return fabric


def fabric_of(
    accelerator: str, devices: int, precision: Any, *, synchronised_norm: bool, loggers: Sequence[Logger] = ()
) -> Fabric:
    """The Fabric of the processes that share the work, none of which it starts yet; takes and raises as `launch`."""
    nodes = _nodes(devices)
    strategy: Any = DataParallel(synchronised_norm=synchronised_norm) if devices * nodes > 1 else "auto"
    try:
        return Fabric(
            accelerator=accelerator,
            strategy=strategy,
            devices=devices,
            num_nodes=nodes,
            precision=precision,
            loggers=list(loggers),
        )
    except (MisconfigurationException, RuntimeError) as error:
        raise ValueError(f"runtime.devices, runtime.accelerator: {error}") from error


def _nodes(devices: int) -> int:
    """Machines torchrun has started processes on, 1 without it."""
    if not group.is_torchelastic_launched():
        return 1
    total, here = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if here != devices:
        raise ValueError(
            f"runtime.devices: expected the {here} processes a machine that torchrun starts, got {devices}"
        )
    return total // here


def _end_with_parent(parent: int) -> None:
    """End this process once its parent has ended, however that came about; else it might wait for it for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def processes() -> int:
    """Processes that share the work."""
    return group.get_world_size() if group.is_initialized() else 1


def process() -> int:
    """Number of this one, from 0."""
    return group.get_rank() if group.is_initialized() else 0


def is_first() -> bool:
    """Whether this is the process that writes, and shows progress."""
    return process() == 0


def share_of(batch: Sequence[T], unit: int = 1) -> Sequence[T]:
    """This process's share of a training batch: neighbours, in shares as even as they come.

    Args:
        batch: What the batch holds, the same in all processes.
        unit: Items that stay together, as the K images of a vehicle.

    Returns:
        The share; the whole batch where there are fewer units than processes. All have it then, so that every image
        counts equally often and no process is idle.
    """
    units, count = len(batch) // unit, processes()
    if units < count:
        return batch
    first, end = (units * number // count * unit for number in (process(), process() + 1))
    return batch[first:end]


def gathered(share: Tensor) -> Tensor:
    """The shares of all processes, in their order, with gradients that flow back to each.

    The gradient of a share is the sum of what all processes make of it, as it has to be where DDP averages afterwards.

    Args:
        share: `(b, ...)`; b may differ between processes.

    Returns:
        `(B, ...)`, equal in all processes.
    """
    if processes() == 1:
        return share
    counts = [torch.zeros(1, dtype=torch.int64, device=share.device) for _ in range(processes())]
    group.all_gather(counts, torch.tensor([len(share)], device=share.device))
    return _Gathered.apply(share, [int(count) for count in counts])  # type: ignore[no-any-return]


def own_share(whole: Tensor, share: Tensor) -> Tensor:
    """This process's rows of something computed of all shares.

    Args:
        whole: `(B, ...)`, with a row for each of those that `gathered(share)` has.
        share: `(b, ...)`.
    """
    if processes() == 1:
        return whole
    numbers = gathered(torch.full((len(share),), process(), device=share.device))
    return whole[(numbers == process()).to(whole.device)]


def of_batch(mean: Tensor, count: int | Tensor) -> Tensor:
    """What a share's mean contributes to the whole batch's; the mean over processes of the results is that.

    Args:
        mean: A mean over the items of this process's share; 0 where it has none.
        count: How many those are.
    """
    if processes() == 1:
        return mean
    own = torch.as_tensor(count, dtype=torch.float32, device=mean.device)
    total = own.clone()
    group.all_reduce(total)
    return mean * (own * processes() / total.clamp(min=1))


def averaged(values: Tensor) -> Tensor:
    """Mean over processes, equal in all of them and without gradient."""
    values = values.detach()
    if processes() == 1:
        return values
    total = values.clone()
    group.all_reduce(total)
    return total / processes()


def on_first(result: T | None) -> list[T]:
    """The results of all processes, in their order; an empty list on all but the first.

    Args:
        result: Of this process, small enough to be sent; None where it has none.
    """
    if processes() == 1:
        return [] if result is None else [result]
    results: list[Any] | None = [None] * processes() if is_first() else None
    group.gather_object(result, results)
    return [result for result in results or [] if result is not None]


def from_first(value: T) -> T:
    """What the first process has, in every process; small enough to be sent."""
    if processes() == 1:
        return value
    holder = [value]
    group.broadcast_object_list(holder)
    return holder[0]


class _Gathered(torch.autograd.Function):
    """All-gather along the first axis, whose backward pass adds up the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, share: Tensor, counts: list[int]) -> Tensor:
        ctx.set_materialize_grads(False)  # a gradient of 0 would let weight decay change what no loss trains
        ctx.first, ctx.end = sum(counts[: process()]), sum(counts[: process() + 1])
        padded = share.new_zeros(max(counts), *share.shape[1:])
        padded[: len(share)] = share
        parts = [torch.empty_like(padded) for _ in counts]
        group.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None]:
        if gradients[0] is None:
            return None, None
        total = gradients[0].contiguous().clone()
        group.all_reduce(total)
        return total[ctx.first : ctx.end], None
