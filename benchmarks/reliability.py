"""Damages artifacts, weights and folders, kills stages and workers, counts what holds, and times the checksums.

Writes the table of `docs/reliability.md` anew. Everything is made on the spot, in a temporary folder.
"""

import contextlib
import io
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import h5py
import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from benchmarks import killed_stages
from pipeline.artifacts.features import header_of, write_features
from pipeline.artifacts.foreground import write_foreground
from pipeline.artifacts.parts import Detections, write_parts
from pipeline.artifacts.ranking import Ranking, read_ranking, write_ranking
from pipeline.artifacts.seeds import Seeds, write_seeds
from pipeline.artifacts.views import write_views
from pipeline.datasets.folder import check_regular
from pipeline.maps import pool
from pipeline.maps.columns import Arrays, Columns
from pipeline.networks import weights
from pipeline.networks.loading import batches_of
from pipeline.store import hdf5
from pipeline.store.files import atomic
from pipeline.store.params import load
from pipeline.store.runtime import RuntimeParams
from pipeline.training.checkpoint import Checkpoint, Progress

PAGE = Path("docs/reliability.md")
BEGIN, END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"
KIND = "benchmark/1"
MEGABYTE = 1e6


class Case(NamedTuple):
    """One way to damage something.

    Attributes:
        group: Row of the table.
        holds: Tries it; whether what came was an error that names the file, or nothing that differs.
    """

    group: str
    holds: Callable[[], bool]


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
        yield Case(group, lambda damaged=bytes(damaged): _holds(path, damaged, read, expected))  # type: ignore[misc]
    path.write_bytes(content)


def spoilt(path: Path, read: Callable[[Path], object], group: str) -> Iterator[Case]:
    """A file cut short at several places, emptied, or replaced by junk."""
    content = path.read_bytes()
    contents = [content[: int(len(content) * share)] for share in (0.1, 0.5, 0.9, 0.99)]
    for damaged in [*contents, b"", b"junk" * 500]:
        yield Case(group, lambda damaged=damaged: _holds(path, damaged, read, None))  # type: ignore[misc]
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
    weights.save(path, {"network.weight": torch.zeros(3)}, "checkpoint/1", {"history": [], "steps": 0, "scaler": {}})
    for damaged in [*flipped, content[:50], content[:-9], b"", b"junk" * 500, path.read_bytes()]:

        def starts_over(damaged: bytes = damaged) -> bool:
            path.write_bytes(damaged)
            with contextlib.redirect_stderr(io.StringIO()) as said:
                progress = checkpoint.restore()
            return progress == Progress() and str(path) in said.getvalue() and not path.exists()

        yield Case("damaged checkpoint", starts_over)


def odd_files(folder: Path) -> Iterator[Case]:
    """Pipes and links to devices in a data set's folder."""

    def refused(make: Callable[[Path], None]) -> bool:
        odd = folder / "odd.jpg"
        make(odd)
        try:
            check_regular(folder)
        except ValueError as error:
            return str(odd) in str(error)
        finally:
            odd.unlink()
        return False

    devices = [path for path in ("/dev/zero", "/dev/null", "/dev/urandom", "/dev/full") if os.path.exists(path)]
    yield Case("pipe or device in a data set's folder", lambda: refused(lambda path: os.mkfifo(path)))
    for device in devices:
        yield Case(
            "pipe or device in a data set's folder",
            lambda device=device: refused(lambda path: path.symlink_to(device)),  # type: ignore[misc]
        )


def misplaced(folder: Path) -> Iterator[Case]:
    """A cache in another's place, whose kind, table or model differs."""
    caches = write_caches(folder)
    for path in caches:
        schema = hdf5.read_header(path).schema
        for other in caches:
            if other != path:
                yield Case("another kind of cache in place", lambda other=other, schema=schema: _refused(other, schema))  # type: ignore[misc]
        yield Case("a cache of another table in place", lambda path=path, schema=schema: _refused(path, schema, "u"))  # type: ignore[misc]

    def other_model() -> bool:
        _write_ranking(folder / "ranking.h5", "fleet/baseline")
        try:
            read_ranking(folder / "ranking.h5", "t", "fleet/pgan")
        except ValueError as error:
            return "fleet/baseline" in str(error)
        return False

    yield Case("another model's ranking in place", other_model)


def _refused(path: Path, schema: str, table: str = "t") -> bool:
    try:
        hdf5.Cache(path, schema, table)
    except ValueError as error:
        return str(path) in str(error)
    return False


def lost_workers() -> Iterator[Case]:
    """Loader processes and workers of a map that are killed, and a worker that hangs."""
    for place in range(4):
        yield Case("loader process killed", partial(_is_refused, partial(_load, place), "DataLoader worker"))
        died, hung = f"a worker process died (signal 9) at {place}.jpg", f"they hang at {place}.jpg"
        yield Case("worker of GrabCut's map killed", partial(_is_refused, partial(_map, place, "dies"), died))
        yield Case("worker of GrabCut's map hangs", partial(_is_refused, partial(_map, place, "hangs"), hung))


def _is_refused(work: Callable[[], object], words: str) -> bool:
    patience, pool.PATIENCE = pool.PATIENCE, 5.0
    try:
        work()
    except (RuntimeError, TimeoutError) as error:
        return words in str(error)
    finally:
        pool.PATIENCE = patience
    return False


def _load(place: int) -> list[Any]:
    runtime = replace(load(killed_stages.PROJECT / "params.yaml", "runtime", RuntimeParams), workers=2)
    return list(batches_of(range(4), partial(_reach, place, "dies"), 1, runtime, list))


def _map(place: int, how: str) -> list[Any]:
    shards = [np.array([row]) for row in range(4)]
    make = partial(partial, _work, place, how)
    return list(pool.in_processes(make, {"rows": range(4)}, shards, 2, [f"{row}.jpg" for row in range(4)]))


def _work(place: int, how: str, columns: Columns) -> Iterator[Arrays]:
    yield {"row": np.array([_reach(place, how, row) for row in columns["rows"]])}


def _reach(place: int, how: str, row: int) -> int:
    """The row, unless it is the one at which this process dies or hangs."""
    if row == place:
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(killed_stages.SECONDS)
    return row


def all_cases(folder: Path) -> Iterator[Case]:
    """Every case, one after the other; each must be tried before the next is asked for."""
    (run := folder / "run").mkdir()
    for what, holds in killed_stages.trials(run):
        yield Case(f"{what}, {len(killed_stages.STAGES)} stages", holds)
    yield from lost_workers()
    (folder := folder / "damaged").mkdir()
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


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """Least wall time of several rounds."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def costs(folder: Path, megabytes: int) -> list[str]:
    """Rows on what checksums cost: features written and read, images read one by one, weights read."""
    values = np.random.default_rng(0).random((megabytes * 1_000_000 // 4 // 500, 500), np.float32)
    rows = []
    for name, checked in (("without", False), ("with", True)):
        path = folder / f"{name}.h5"
        written = seconds(lambda path=path, checked=checked: _write(path, values, checked), 3)  # type: ignore[misc]
        read = seconds(lambda path=path: _read_whole(path))  # type: ignore[misc]
        single = seconds(lambda path=path: _read_rows(path))  # type: ignore[misc]
        rows.append(f"| {name} checksums | {written:.3f} | {read:.3f} | {single * 1000:.1f} |")
    path = folder / "big.safetensors"
    weights.save(path, {"a": torch.from_numpy(values)}, KIND, {})
    whole = seconds(lambda: weights.load(path, KIND))
    tensors, facts = weights.load(path, KIND)
    digest = seconds(lambda: weights.digest_of_content(tensors, facts))
    return [
        f"| {megabytes} MB of features | written, s | read whole, s | 1,000 rows of 2 kB read one by one, ms |",
        "|---|---|---|---|",
        *rows,
        "",
        f"Weights of {megabytes} MB are read in {whole:.3f} s, most of it their digest, alone {digest:.3f} s.",
    ]


def _write(path: Path, values: np.ndarray, checked: bool) -> None:
    if checked:
        with hdf5.create(path, hdf5.Header(KIND, "t")) as cache:
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


@click.command()
@click.option("--megabytes", default=100, show_default=True, help="Size of the files timed.")
def reliability(megabytes: int) -> None:
    """Try every case, time the checksums, and write the table."""
    tried: dict[str, list[bool]] = {}
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # for a process that becomes nobody
        for case in all_cases(Path(name)):
            tried.setdefault(case.group, []).append(case.holds())
        cost = costs(Path(name), megabytes)
    lines = ["| damage | tried | held |", "|---|---|---|"]
    lines += [f"| {group} | {len(held)} | {sum(held)} |" for group, held in tried.items()]
    total = sum(map(len, tried.values())), sum(sum(held) for held in tried.values())
    lines += [f"| all | {total[0]} | {total[1]} |", "", *cost, ""]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    with atomic(PAGE) as temporary:
        temporary.write_text(before + BEGIN + "\n".join(lines) + END + after, encoding="utf-8")
    click.echo("\n".join(lines))


if __name__ == "__main__":
    reliability()
