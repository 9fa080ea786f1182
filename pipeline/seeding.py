"""One place that makes runs repeat: seeds of every generator and the thread count of CPU arithmetic."""

import random

import cv2
import numpy as np
import torch


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
