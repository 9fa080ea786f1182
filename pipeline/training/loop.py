"""The training loop every network shares: visible, repeatable, and continued bit for bit after an interruption."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import torch
from lightning_fabric import Fabric
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.networks import weights
from pipeline.networks.loading import Batches
from pipeline.store.files import write_csv
from pipeline.store.params import Share, parameters
from pipeline.training.checkpoint import Checkpoint

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
        weights.save(path, self.network.state_dict(), kind, self.metadata)
        columns = dict.fromkeys(name for row in self.history for name in row)
        write_csv(history, self.history, list(columns))


@parameters
class ScheduleParams:
    """Optimiser (Adam) and its learning rate over time."""

    epochs: NonNegativeInt
    """Passes over the training rows."""
    learning_rate: PositiveFloat
    """Rate after the warm-up."""
    weight_decay: NonNegativeFloat
    """L2 penalty added to gradients."""
    warmup_epochs: NonNegativeFloat
    """Epochs of linear rise from `warmup_start` x rate; 0 starts at the full rate."""
    warmup_start: Share
    """Share of the rate at step 0."""
    decay: Literal["step", "cosine", "constant"]
    """``step`` multiplies by `decay_factor` every `decay_every` epochs; ``cosine`` falls to `decay_factor` x rate over
    all epochs; ``constant`` stays."""
    decay_every: PositiveInt
    """Epochs between two steps."""
    decay_factor: Share
    """Of the rate at each step, or at the end of a cosine."""

    def factor(self, progress: float) -> float:
        """Learning rate at `progress` epochs (a fraction counts), relative to `learning_rate`."""
        if progress < self.warmup_epochs:
            return self.warmup_start + (1 - self.warmup_start) * progress / self.warmup_epochs
        if self.decay == "step":
            return self.decay_factor ** int(progress // self.decay_every)
        if self.decay == "cosine":
            share = (progress - self.warmup_epochs) / max(self.epochs - self.warmup_epochs, 1e-9)
            return self.decay_factor + (1 - self.decay_factor) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
        return 1.0


def fit(
    network: nn.Module,
    losses: Callable[[nn.Module, Batch], dict[str, Tensor]],
    batches: Callable[[int], Batches[Batch]],
    schedule: ScheduleParams,
    fabric: Fabric,
    *,
    scratch: Path | None = None,
    state: dict[str, Tensor] | None = None,
) -> list[dict[str, float]]:
    """Train `network` in place.

    Args:
        network: The module to train; on return it is on the CPU and in evaluation mode.
        losses: `(network, batch)` -> named scalar losses, already weighted; their sum is minimised.
        batches: Epoch -> its batches. Must depend on the epoch (and `state`) alone, so that training can be
            continued.
        schedule: Epochs and learning rate.
        fabric: Places the network and the batches' tensors.
        scratch: Folder for a checkpoint, named by a digest of all inputs; None keeps none. A checkpoint found
            there is continued from, and the folder is emptied at the end.
        state: Further tensors that `losses` and `batches` read and change in place (kept in checkpoints).

    Returns:
        One row per epoch: ``epoch``, ``learning_rate``, ``loss`` and the mean of each named loss.

    Raises:
        FloatingPointError: The loss is no longer finite; the message names the epoch and the losses.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    checkpoint = (
        None if scratch is None else Checkpoint(scratch / "checkpoint.safetensors", network, optimiser, state or {})
    )
    module, optimiser = fabric.setup(network, optimiser)
    history = [] if checkpoint is None else checkpoint.restore()  # on the device, where Adam's moments belong
    saved_at = time.monotonic()
    bar = tqdm(range(len(history), schedule.epochs), unit="epoch", mininterval=5, disable=None)
    for epoch in bar:
        module.train()
        history.append(_train_epoch(module, optimiser, losses, batches(epoch), schedule, epoch, fabric))
        bar.set_postfix(loss=f"{history[-1]['loss']:.3f}")
        if checkpoint and time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS and epoch + 1 < schedule.epochs:
            checkpoint.save(history)
            saved_at = time.monotonic()
    if checkpoint:
        checkpoint.remove()
    network.to("cpu").eval()
    return history


def _train_epoch(
    module: nn.Module,
    optimiser: Any,
    losses: Callable[[nn.Module, Batch], dict[str, Tensor]],
    batches: Batches[Batch],
    schedule: ScheduleParams,
    epoch: int,
    fabric: Fabric,
) -> dict[str, float]:
    totals: dict[str, float] = {}
    count = len(batches)
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = schedule.learning_rate * schedule.factor(epoch + step / count)
        named = losses(module, fabric.to_device(batch))
        loss = torch.stack(list(named.values())).sum()
        values = {name: float(value.detach()) for name, value in named.items()}
        if not math.isfinite(sum(values.values())):
            terms = ", ".join(f"{name} {value:g}" for name, value in values.items())
            raise FloatingPointError(f"epoch {epoch}, step {step}: the loss is not finite: {terms}")
        optimiser.zero_grad(set_to_none=True)
        fabric.backward(loss)
        optimiser.step()
        for name, value in {"loss": sum(values.values()), **values}.items():
            totals[name] = totals.get(name, 0.0) + value / count
    rate = schedule.learning_rate * schedule.factor(epoch + 1)
    return {"epoch": epoch, "learning_rate": rate, **totals}
