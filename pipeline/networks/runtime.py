"""How arithmetic starts: devices, threads, seeds. Shared by every stage that has a network."""

import os
import random
from pathlib import Path

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric

from pipeline.networks.devices import launch, process
from pipeline.networks.loggers import loggers_of
from pipeline.store.memory import keep_memory
from pipeline.store.runtime import RuntimeParams


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
    keep_memory()
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
