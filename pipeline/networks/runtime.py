"""Where and how arithmetic runs: device, precision, processes, seeds. Shared by every stage that has a network."""

import os
import random
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.networks.devices import launch, process
from pipeline.networks.loggers import LoggerName, loggers_of
from pipeline.store.params import parameters


@parameters
class RuntimeParams:
    """The `runtime` section of `params.yaml`."""

    seed: NonNegativeInt
    """Seed of every generator."""
    threads: NonNegativeInt
    """CPU threads of torch; part of the result, because sums are split by thread. 0 leaves it to torch."""
    workers: NonNegativeInt
    """Data-loader processes; 0 loads in the process that trains or predicts. Does not change a byte."""
    accelerator: Literal["auto", "cpu", "cuda"]
    """Kind of device, by Lightning Fabric's name."""
    devices: PositiveInt
    """Devices of this machine that share each training, prediction and embedding, one process each; search and
    ablations use one."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    """Precision of the arithmetic, by Fabric's name."""
    synchronised_norm: bool
    """In training on several devices, let batch norm take its statistics over the whole batch, at the cost of a message
    a layer (CUDA only, an error on CPUs); else over the device's own share, and the first device's running statistics
    are kept."""
    deterministic: bool
    """On a GPU, let torch choose only what gives the same bytes again, at the cost of speed and some memory; an
    operation that has no such form runs all the same, with a warning. CPUs are repeatable either way."""
    logger: LoggerName = Field(default="none", kw_only=True)
    """Where trainings report losses, learning rates and seconds a step: ``none``; ``csv``, ``tensorboard`` and
    ``dvclive``, files in ``data/logs``; or ``mlflow``, its server or a file there. All but the first two are optional
    packages."""

    @property
    def arithmetic(self) -> dict[str, Any]:
        """What of it decides the result of a training."""
        return {
            "seed": self.seed,
            "threads": self.threads,
            "precision": self.precision,
            "synchronised_norm": self.synchronised_norm,
            "deterministic": self.deterministic,
        }


def start(runtime: RuntimeParams, logs: Path | None = None) -> Fabric:
    """Start the processes that share the work, seed everything and return the Fabric that places modules and batches.

    Args:
        runtime: How.
        logs: Where `runtime.logger` writes, see `pipeline.networks.loggers.loggers_of`; None for what trains nothing.

    Raises:
        ValueError: The devices asked for are not there, or the logger is not installed.
    """
    if runtime.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    fabric = launch(
        runtime.accelerator,
        runtime.devices,
        runtime.precision,
        synchronised_norm=runtime.synchronised_norm,
        loggers=[] if logs is None else loggers_of(runtime.logger, logs),
    )
    seed_everything(runtime.seed, runtime.threads)
    torch.manual_seed(runtime.seed + process())  # dropout may not repeat itself from share to share
    repeat = runtime.deterministic and fabric.device.type == "cuda"
    torch.use_deterministic_algorithms(repeat, warn_only=True)
    torch.backends.cudnn.deterministic = repeat
    return fabric


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
