"""The training loop every network shares: visible, repeatable, and continued bit for bit after an interruption."""

import math
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import torch
from lightning_fabric import Fabric
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.networks import weights
from pipeline.networks.devices import averaged
from pipeline.networks.loading import Batches
from pipeline.store.files import write_csv
from pipeline.store.params import Share, parameters
from pipeline.training.checkpoint import Checkpoint, Progress
from pipeline.training.step_log import StepLog

Batch = TypeVar("Batch")
Network = TypeVar("Network", bound=nn.Module, covariant=True)
SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclass(frozen=True)
class Trained(Generic[Network]):
    """What a training leaves.

    Attributes:
        network: In evaluation mode, on the CPU.
        history: One row per epoch, see `fit`.
        metadata: What the weights are saved with, JSON values only.
    """

    network: Network
    history: list[dict[str, float]]
    metadata: dict[str, Any]

    @property
    def last_loss(self) -> float:
        """Mean loss of the last epoch, NaN where there was none."""
        return self.history[-1]["loss"] if self.history else math.nan

    def write(self, path: Path, kind: str, history: Path) -> None:
        """Write weights and history, each whole or not at all.

        Args:
            path: The ``.safetensors`` file.
            kind: What the weights are for, as ``span/1``.
            history: CSV of losses by epoch; an epoch fills the columns of its own phase.
        """
        columns = dict.fromkeys(name for row in self.history for name in row)
        write_csv(history, self.history, list(columns))
        weights.save(path, self.network.state_dict(), kind, self.metadata)  # last: who finds weights finds all


@parameters
class ScheduleParams:
    """Optimiser (Adam), length, and learning rate over time.

    A training is as long as `epochs` or `iterations` says, of which exactly one is given. All other lengths count
    epochs, fractions of them included, in either case.
    """

    epochs: NonNegativeInt | None
    """Passes over the training rows; null where `iterations` gives the length."""
    learning_rate: PositiveFloat
    """Rate after the warm-up."""
    weight_decay: NonNegativeFloat
    """L2 penalty added to gradients."""
    warmup_epochs: NonNegativeFloat
    """Epochs of linear rise from `warmup_start` x rate; 0 starts at the full rate."""
    warmup_start: Share
    """Share of the rate at step 0."""
    decay: Literal["step", "milestones", "cosine", "constant"]
    """``step`` multiplies by `decay_factor` every `decay_every` epochs, ``milestones`` at each of `milestones`;
    ``cosine`` falls to `decay_factor` x rate over all epochs; ``constant`` stays."""
    decay_every: PositiveInt
    """Epochs between two steps."""
    decay_factor: Share
    """Of the rate at each step, or at the end of a cosine."""
    _: KW_ONLY
    milestones: tuple[PositiveInt, ...] = ()
    """Epochs, rising, from each of which on the rate is multiplied by `decay_factor` once more; read by the decay
    ``milestones`` alone."""
    iterations: PositiveInt | None = None
    """Optimiser steps, the last epoch ending wherever they do; null where `epochs` gives the length."""

    def __post_init__(self) -> None:
        """Refuse two lengths or none, and milestones that are none.

        Raises:
            ValueError: Not exactly one of `epochs` and `iterations` is given, or `decay` is ``milestones`` and
                `milestones` are missing or not rising.
        """
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError(
                "epochs, iterations: expected exactly one of them and null for the other, "
                f"got epochs {_text(self.epochs)} and iterations {_text(self.iterations)}"
            )
        if self.decay == "milestones" and not self.milestones:
            raise ValueError("milestones: expected at least one epoch, as decay is milestones, got none")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones: expected rising epochs, got {list(self.milestones)}")

    @property
    def unit(self) -> Literal["epoch", "iteration"]:
        """What `length` counts."""
        return "epoch" if self.iterations is None else "iteration"

    @property
    def length(self) -> int:
        """Epochs, or iterations where these are given; no training has more epochs than this."""
        length = self.epochs if self.iterations is None else self.iterations
        assert length is not None, "checked when made"
        return length

    def done(self, progress: Progress) -> int:
        """How much of `length` a training has behind it."""
        return len(progress.history) if self.iterations is None else progress.steps

    def rate(self, epochs: float, steps: int, batches: int) -> float:
        """Learning rate of a moment.

        Args:
            epochs: Epochs before it; a fraction counts.
            steps: Optimiser steps before it.
            batches: Batches of the current epoch; those to come are taken to have as many.
        """
        whole = self.length if self.iterations is None else epochs + (self.iterations - steps) / batches
        return self.learning_rate * self.factor(epochs, whole)

    def factor(self, epochs: float, whole: float) -> float:
        """Learning rate after `epochs` of `whole` epochs (fractions count), relative to `learning_rate`."""
        if epochs < self.warmup_epochs:
            return self.warmup_start + (1 - self.warmup_start) * epochs / self.warmup_epochs
        if self.decay == "step":
            return self.decay_factor ** int(epochs // self.decay_every)
        if self.decay == "milestones":
            return self.decay_factor ** sum(milestone <= epochs for milestone in self.milestones)
        if self.decay == "cosine":
            share = (epochs - self.warmup_epochs) / max(whole - self.warmup_epochs, 1e-9)
            return self.decay_factor + (1 - self.decay_factor) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
        return 1.0


def _text(length: int | None) -> str:
    return "null" if length is None else str(length)


def fit(
    network: nn.Module,
    losses: Callable[[nn.Module, Batch], dict[str, Tensor]],
    batches: Callable[[int], Batches[Batch]],
    schedule: ScheduleParams,
    fabric: Fabric,
    *,
    scratch: Path | None = None,
    state: dict[str, Tensor] | None = None,
    phase: str = "",
) -> list[dict[str, float]]:
    """Train `network` in place; several processes, see `pipeline.networks.devices`, train the same one together.

    Args:
        network: The module to train; on return it is on the CPU and in evaluation mode.
        losses: `(network, batch)` -> named scalar losses, already weighted; their sum, averaged over processes, is
            minimised.
        batches: Epoch -> its batches, of which this process loads its share. Must depend on the epoch (and `state`)
            alone, so that training can be continued.
        schedule: Length and learning rate.
        fabric: Places the network and the batches' tensors; its loggers are told of losses, rates and seconds a step.
        scratch: Folder for a checkpoint, named by a digest of all inputs; None keeps none. A checkpoint found
            there is continued from, whatever the number of processes. The last one stays: whoever has written what
            was trained removes the folder.
        state: Further tensors that `losses` and `batches` read and change in place (kept in checkpoints).
        phase: Begins the names that loggers are told, as ``masks/``, where a training has several phases.

    Returns:
        One row per epoch, the last of which may be cut short by the schedule's iterations: ``epoch``,
        ``learning_rate`` at its end, ``loss`` and the mean of each named loss.

    Raises:
        ValueError: An epoch has no batches.
        FloatingPointError: The loss is no longer finite; the message names the epoch and the losses.
    """
    network.train()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    file = None if scratch is None else scratch / "checkpoint.safetensors"
    checkpoint = None if file is None else Checkpoint(file, network, optimiser, state or {}, fabric)
    module, optimiser = fabric.setup(network, optimiser)
    progress = Progress() if checkpoint is None else checkpoint.restore()  # on the device, where Adam's moments belong
    saved_at = time.monotonic()
    done, hidden = schedule.done(progress), None if fabric.is_global_zero else True
    shown = tqdm(total=schedule.length, initial=done, unit=schedule.unit, mininterval=5, disable=hidden)
    with shown as bar, StepLog(fabric, phase) as log:
        while schedule.done(progress) < schedule.length:
            module.train()
            drawn = batches(len(progress.history))
            progress = _train_epoch(module, optimiser, losses, drawn, schedule, progress, fabric, log)
            bar.set_postfix(loss=f"{progress.history[-1]['loss']:.3f}", refresh=False)
            bar.update(schedule.done(progress) - bar.n)
            is_due = fabric.broadcast(time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS)
            if checkpoint and (is_due or schedule.done(progress) >= schedule.length):
                checkpoint.save(progress)
                saved_at = time.monotonic()
    network.to("cpu").eval()
    return list(progress.history)


def _train_epoch(
    module: nn.Module,
    optimiser: Any,
    losses: Callable[[nn.Module, Batch], dict[str, Tensor]],
    batches: Batches[Batch],
    schedule: ScheduleParams,
    progress: Progress,
    fabric: Fabric,
    log: StepLog,
) -> Progress:
    """Train on one epoch's batches, or on as many of them as the schedule has iterations left."""
    totals: dict[str, float] = {}
    epoch, count = len(progress.history), len(batches)
    if not count:
        raise ValueError(f"epoch {epoch}: expected at least one batch to train on, got none")
    taken = count if schedule.iterations is None else min(count, schedule.iterations - progress.steps)
    for step, batch in enumerate(islice(batches, taken)):
        rate = schedule.rate(epoch + step / count, progress.steps + step, count)
        for group in optimiser.param_groups:
            group["lr"] = rate
        named = losses(module, fabric.to_device(batch))
        each = torch.stack(list(named.values()))
        values = dict(zip(named, averaged(each).tolist(), strict=True))
        if not math.isfinite(sum(values.values())):
            terms = ", ".join(f"{name} {value:g}" for name, value in values.items())
            raise FloatingPointError(f"epoch {epoch}, step {step}: the loss is not finite: {terms}")
        optimiser.zero_grad(set_to_none=True)
        fabric.backward(each.sum())
        optimiser.step()
        named_values = {"loss": sum(values.values()), **values}
        log.add(named_values, rate, progress.steps + step)
        for name, value in named_values.items():
            totals[name] = totals.get(name, 0.0) + value / taken
    steps = progress.steps + taken
    log.report(steps)
    row = {"epoch": epoch, "learning_rate": schedule.rate(epoch + taken / count, steps, count), **totals}
    return Progress((*progress.history, row), steps)
