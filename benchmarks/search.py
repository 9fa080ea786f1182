"""Compares the search's plain matrix product with FAISS, which builds an index first, on random features in a file.

Prints, for each number of queries, medians of the time to get ready (read the file, build an index), to search, and of
both together, which is what one search costs; and how many of the exact nearest images each finds. CPDM weighs blocks
of a feature anew for every pair, which no FAISS index can: it is shown beside the others for its cost alone.

FAISS is optional: without `uv sync --inexact --group faiss` the table lacks it.
"""

import importlib
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.artifacts.features import header_of, open_features, write_features
from pipeline.search.gallery import GalleryFeatures, find, stored_features

NEIGHBOURS = 100
TABLE = "none"
"""Digest of the image table the generated features follow: there is none."""
LISTS, PROBED = 316, 16
"""Cells of the inverted file, about the square root of the gallery, and those searched for a query."""

Array = NDArray[np.float32]


class Method(NamedTuple):
    """A way to search.

    Attributes:
        ready: Does what is needed before the first query.
        search: What `ready` returned, queries, and their area ratios -> positions of the nearest images, `(Q, 100)`.
    """

    ready: Callable[[], Any]
    search: Callable[[Any, Array, Array], NDArray[np.int64]]


def random_unit(generator: np.random.Generator, count: int, dimension: int) -> Array:
    """Features of length 1 around `count // 20 + 1` centres, as those of vehicles are, `(count, dimension)`."""
    centres = generator.standard_normal((count // 20 + 1, dimension), np.float32)
    features = centres[generator.integers(0, len(centres), count)]
    features += 0.7 * generator.standard_normal((count, dimension), np.float32)
    return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True), np.float32)


def random_ratios(generator: np.random.Generator, count: int) -> Array:
    """Area ratios `(count, 4)`, global first."""
    views = generator.dirichlet((0.5, 0.5, 0.5), count)
    return np.concatenate([np.ones((count, 1)), views], axis=1).astype(np.float32)


def product(path: Path) -> Method:
    """The search as it is: features are read and multiplied block by block, each time anew."""

    def ready() -> GalleryFeatures:
        cache = open_features(path, TABLE)
        return stored_features(cache, np.ones(len(cache["rows"]), np.bool_))

    def search(gallery: GalleryFeatures, queries: Array, ratios: Array) -> NDArray[np.int64]:
        return np.stack([found.positions for found in find(gallery, queries, ratios, NEIGHBOURS)])

    return Method(ready, search)


def product_in_memory(path: Path) -> Method:
    """The same with all features read beforehand, as a service that stays up would have it."""
    ready, search = product(path)

    def ready_in_memory() -> GalleryFeatures:
        gallery: GalleryFeatures = ready()
        return replace(gallery, values=gallery.values[:])

    return Method(ready_in_memory, search)


def faiss_index(faiss: Any, path: Path, dimension: int, *, exact: bool) -> Method:
    """FAISS's exact flat index, or its inverted file, both by squared Euclidean distance."""

    def ready() -> Any:
        index = faiss.IndexFlatL2(dimension)
        with open_features(path, TABLE) as cache:
            features = cache["features"][()]
        if not exact:
            index = faiss.IndexIVFFlat(index, dimension, LISTS)
            index.train(features)
            index.nprobe = PROBED
        index.add(features)
        return index

    def search(index: Any, queries: Array, ratios: Array) -> NDArray[np.int64]:
        return np.asarray(index.search(queries, NEIGHBOURS)[1], np.int64)

    return Method(ready, search)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall time in milliseconds, and the result."""
    start = time.perf_counter()
    result = work()
    return 1000 * (time.perf_counter() - start), result


def measure(methods: dict[str, Method], queries: Array, ratios: Array, rounds: int) -> None:
    """Print one block of the table: every method on the same queries, in turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    found: dict[str, NDArray[np.int64]] = {}
    for _ in range(rounds):
        for name, method in methods.items():
            getting_ready, gallery = timed(method.ready)
            searching, found[name] = timed(lambda m=method, g=gallery: m.search(g, queries, ratios))  # type: ignore
            times[name].append((getting_ready, searching))
    first = next(iter(methods))
    medians = {
        name: [statistics.median(column) for column in zip(*pairs, strict=True)] for name, pairs in times.items()
    }
    for name, (getting_ready, searching) in medians.items():
        ratio = (getting_ready + searching) / sum(medians[first])
        pairs = zip(found[name], found[first], strict=True)
        share = np.mean([len(np.intersect1d(*pair)) / NEIGHBOURS for pair in pairs])
        click.echo(
            f"{len(queries):7d}  {name:24s} {getting_ready:9.1f} {searching:9.1f} {getting_ready + searching:9.1f}  "
            f"{ratio:7.2f}  {'' if 'CPDM' in name else f'{share:6.1%}'}"
        )


@click.command(help=__doc__)
@click.option("--gallery", default=100_000, show_default=True, help="Images in the gallery.")
@click.option("--dimension", default=512, show_default=True, help="Length of a feature; CPDM's blocks are quarters.")
@click.option("--threads", default=2, show_default=True, help="Threads of torch and FAISS.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each; medians are printed.")
@click.option("--inverted-file", is_flag=True, help="Measure FAISS's approximate index too; building it takes long.")
def main(gallery: int, dimension: int, threads: int, rounds: int, inverted_file: bool) -> None:
    """Print the table."""
    torch.set_num_threads(threads)
    generator = np.random.default_rng(0)
    features = random_unit(generator, gallery + 64, dimension)
    ratios = random_ratios(generator, gallery + 64)
    with tempfile.TemporaryDirectory() as folder:
        methods = {}
        for name, distance, blocks in (("product", "euclidean", 1), ("product, CPDM", "cpdm", 4)):
            path = Path(folder) / f"{distance}.h5"
            header = header_of("random", distance, (dimension // blocks,) * blocks, TABLE, "none")
            batches = iter([(features[:gallery], ratios[:gallery])])
            write_features(path, header, np.arange(gallery), batches, ratio_count=4)
            methods[name] = product(path)
            methods[f"{name}, in memory"] = product_in_memory(path)
        if importlib.util.find_spec("faiss") is not None:
            faiss = importlib.import_module("faiss")
            faiss.omp_set_num_threads(threads)
            methods["FAISS flat"] = faiss_index(faiss, path, dimension, exact=True)
            if inverted_file:
                methods["FAISS inverted file"] = faiss_index(faiss, path, dimension, exact=False)
        click.echo(f"{gallery} x {dimension}, nearest {NEIGHBOURS}, {threads} threads, medians of {rounds}, ms")
        click.echo("queries  method                       ready    search  together    ratio  found")
        for count in (1, 8, 64):
            measure(methods, features[gallery : gallery + count], ratios[gallery : gallery + count], rounds)


if __name__ == "__main__":
    main()
