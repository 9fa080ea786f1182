"""What checksums cost."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import torch

from pipeline.networks import weights
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.files import atomic

KIND = "benchmark/1"


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """Least wall time of several rounds."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def rows(folder: Path, megabytes: int) -> list[str]:
    """Rows on what checksums cost: features written and read, images read one by one, weights read."""
    values = np.random.default_rng(0).random((megabytes * 1_000_000 // 4 // 500, 500), np.float32)
    lines = []
    for name, checked in (("without", False), ("with", True)):
        path = folder / f"{name}.h5"
        written = seconds(partial(_write, path, values, checked), 3)
        read = seconds(partial(_read_whole, path))
        single = seconds(partial(_read_rows, path))
        lines.append(f"| {name} checksums | {written:.3f} | {read:.3f} | {single * 1000:.1f} |")
    path = folder / "big.safetensors"
    weights.save(path, {"a": torch.from_numpy(values)}, KIND, {})
    whole = seconds(partial(weights.load, path, KIND))
    tensors, facts = weights.load(path, KIND)
    digest = seconds(partial(weights.digest_of_content, tensors, facts))
    return [
        f"| {megabytes} MB of features | written, s | read whole, s | 1,000 rows of 2 kB read one by one, ms |",
        "|---|---|---|---|",
        *lines,
        "",
        f"Weights of {megabytes} MB are read in {whole:.3f} s, most of it their digest, alone {digest:.3f} s.",
    ]


def _write(path: Path, values: np.ndarray, checked: bool) -> None:
    if checked:
        with hdf5_writer.create(path, hdf5.Header(KIND, "t")) as cache:
            cache.rows("features", len(values), values.shape[1:], np.float32).append(values)
        return
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("features", data=values)


def _read_whole(path: Path) -> None:
    with h5py.File(path) as file:
        file["features"][()]


def _read_rows(path: Path) -> None:
    with h5py.File(path) as file:
        rows = file["features"]
        for row in np.random.default_rng(1).integers(0, len(rows), 1000).tolist():
            rows[row]
