"""Damaged and misplaced caches, weights and checkpoints, and odd files in a data set's folder."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from benchmarks.reliability.cases import Case
from pipeline.artifacts.features import header_of, write_features
from pipeline.artifacts.foreground import write_foreground
from pipeline.artifacts.parts import Detections, write_parts
from pipeline.artifacts.ranking import Ranking, read_ranking, write_ranking
from pipeline.artifacts.seeds import Seeds, write_seeds
from pipeline.artifacts.views import write_views
from pipeline.datasets.folder import check_regular
from pipeline.networks import weights
from pipeline.store import hdf5
from pipeline.training.checkpoint import Checkpoint, Progress

KIND = "benchmark/1"


def write_caches(folder: Path) -> list[Path]:
    """One small cache of each kind that per-image stages write."""
    generator, count = np.random.default_rng(0), 6
    masks = generator.integers(0, 256, (count, 8, 8), np.uint8)
    boxes = Detections(
        generator.random((count, 4, 4), np.float32),
        generator.integers(0, 16, (count, 4), np.uint8),
        generator.random((count, 4), np.float32),
    )
    made_by = {"params": "p" * 64}
    write_seeds(folder / "grabcut.h5", "t", count, 8, [Seeds(masks, masks[:, 0, 0] > 99)], made_by)
    write_foreground(folder / "foreground.h5", "t", count, 8, [masks], made_by)
    write_views(folder / "part_masks.h5", "t", count, 8, [np.stack([masks] * 3, 1)], made_by)
    write_parts(folder / "parts.h5", "t", count, 4, [boxes], made_by)
    features = generator.random((count, 16), np.float32)
    header = header_of("pgan", "euclidean", (16,), "t", "w" * 64)
    write_features(folder / "features.h5", header, np.arange(count), iter([(features, features[:, :4])]), ratio_count=4)
    _write_ranking(folder / "ranking.h5", "fleet/pgan")
    return sorted(folder.glob("[!.]*.h5"))


def _write_ranking(path: Path, made_for: str) -> None:
    pairs = np.zeros((2, 3), np.float32)
    rows, views = np.arange(2), np.zeros((2, 3, 4), np.float32)
    write_ranking(
        path, "t", Ranking(rows, pairs.astype(np.int64), pairs, pairs > 0, views, views), {"made_for": made_for}
    )


def read_cache(path: Path) -> object:
    """All that a cache holds."""
    header = hdf5.read_header(path)
    with hdf5.Cache(path, header.schema, "t") as cache:
        return header, [(name, cache[name].shape, cache[name][()].tobytes()) for name in sorted(cache.file)]


def read_weights(path: Path) -> object:
    """All that a file of weights holds."""
    tensors, metadata = weights.load(path, KIND)
    return metadata, {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def flips(path: Path, read: Callable[[Path], object], group: str, count: int) -> Iterator[Case]:
    """A bit flipped at each of `count` places spread over a file."""
    content, expected = path.read_bytes(), read(path)
    for place in np.linspace(0, len(content) - 1, count).astype(int).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        yield Case(group, f"{path.name} at {place}", partial(_holds, path, bytes(damaged), read, expected))
    path.write_bytes(content)


def spoilt(path: Path, read: Callable[[Path], object], group: str) -> Iterator[Case]:
    """A file cut short at several places, emptied, or replaced by junk."""
    content = path.read_bytes()
    contents = [content[: int(len(content) * share)] for share in (0.1, 0.5, 0.9, 0.99)]
    for damaged in [*contents, b"", b"junk" * 500]:
        yield Case(group, f"{path.name} of {len(damaged)} bytes", partial(_holds, path, damaged, read, None))
    path.write_bytes(content)


def _holds(path: Path, damaged: bytes, read: Callable[[Path], object], expected: object) -> bool:
    path.write_bytes(damaged)
    try:
        return read(path) == expected
    except (ValueError, KeyError) as error:
        return str(path) in str(error)


def checkpoints(folder: Path, count: int) -> Iterator[Case]:
    """Checkpoints flipped, cut, emptied, of another network: each must be set aside, and training begin anew."""
    network = nn.Linear(8, 8)
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 8)).sum().backward()
    optimiser.step()
    path = folder / "training" / "checkpoint.safetensors"
    checkpoint = Checkpoint(path, network, optimiser, {}, Fabric(accelerator="cpu", devices=1))
    checkpoint.save(Progress(({"epoch": 0, "loss": 1.0},), 1))
    content = path.read_bytes()
    places = np.linspace(0, len(content) - 1, count).astype(int).tolist()
    flipped = [content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] for place in places]
    weights.save(path, {"network.weight": torch.zeros(3)}, "checkpoint/2", {"history": [], "steps": 0, "scaler": {}})
    for damaged in [*flipped, content[:50], content[:-9], b"", b"junk" * 500, path.read_bytes()]:
        yield Case("damaged checkpoint", f"of {len(damaged)} bytes", partial(_starts_over, checkpoint, path, damaged))


def _starts_over(checkpoint: Checkpoint, path: Path, damaged: bytes) -> bool:
    path.write_bytes(damaged)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        progress = checkpoint.restore()
    return progress == Progress() and str(path) in said.getvalue() and not path.exists()


def odd_files(folder: Path) -> Iterator[Case]:
    """Pipes and links to devices in a data set's folder."""
    devices = [path for path in ("/dev/zero", "/dev/null", "/dev/urandom", "/dev/full") if os.path.exists(path)]
    ways: dict[str, Callable[[Path], None]] = {"a pipe": os.mkfifo}
    ways |= {device: partial(_link, Path(device)) for device in devices}
    for what, make in ways.items():
        yield Case("pipe or device in a data set's folder", what, partial(_is_odd, folder / "odd.jpg", make))


def _link(device: Path, path: Path) -> None:
    path.symlink_to(device)


def _is_odd(odd: Path, make: Callable[[Path], None]) -> bool:
    make(odd)
    try:
        check_regular(odd.parent)
    except ValueError as error:
        return str(odd) in str(error)
    finally:
        odd.unlink()
    return False


def misplaced(folder: Path) -> Iterator[Case]:
    """A cache in another's place, whose kind, table or model differs."""
    caches = write_caches(folder)
    for path in caches:
        schema = hdf5.read_header(path).schema
        for other in caches:
            if other != path:
                what = f"{other.name} for {path.name}"
                yield Case("another kind of cache in place", what, partial(_refused, other, schema))
        yield Case("a cache of another table in place", path.name, partial(_refused, path, schema, "u"))
    yield Case("another model's ranking in place", "", partial(_is_of_another_model, folder / "ranking.h5"))


def _is_of_another_model(path: Path) -> bool:
    _write_ranking(path, "fleet/baseline")
    try:
        read_ranking(path, "t", "fleet/pgan")
    except ValueError as error:
        return "fleet/baseline" in str(error)
    return False


def _refused(path: Path, schema: str, table: str = "t") -> bool:
    try:
        hdf5.Cache(path, schema, table)
    except ValueError as error:
        return str(path) in str(error)
    return False


def cases(folder: Path) -> Iterator[Case]:
    """Every case in an empty folder; each must be tried before the next is asked for."""
    for path in write_caches(folder):
        yield from flips(path, read_cache, "a bit flipped in a cache", 150)
        yield from spoilt(path, read_cache, "a cache cut, empty or junk")
    path = folder / "weights.safetensors"
    weights.save(path, {"a": torch.arange(99.0), "b": torch.ones(3).half()}, KIND, {"table": "t"})
    yield from flips(path, read_weights, "a bit flipped in weights", 300)
    yield from spoilt(path, read_weights, "weights cut, empty or junk")
    yield from checkpoints(folder, 60)
    yield from misplaced(folder)
    yield from odd_files(folder)
