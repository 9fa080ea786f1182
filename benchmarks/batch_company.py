"""Does what a network finds in an image depend on what else is in its batch?

Takes the networks of a finished run and its images. Each network sees the same images in batches of several sizes, in
whole batches at other places, and among other images; a line says how many of the images' outputs changed in any bit,
and by how much at most.

    python -m benchmarks.batch_company --root FOLDER [--dataset synthetic] [--threads 2]
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from benchmarks.options import one_process
from pipeline.foreground import network as foreground
from pipeline.networks.runtime import start
from pipeline.networks.tensors import channels_last, normalise, to_batch
from pipeline.parts import network as parts
from pipeline.parts.detection import candidates_of
from pipeline.reid.build import restore as restore_reid
from pipeline.reid.embedding import ColumnLoader, columns_of
from pipeline.reid.samples import collate, open_sources
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from pipeline.store.resizing import resize
from pipeline.store.vocabulary import VIEWS
from pipeline.views import network as views

See = Callable[[list[int]], NDArray[np.float32]]
"""Rows, as one batch -> what the network finds, `(B, ...)`."""


def images_of(store: ImageStore, side: int, rows: list[int]) -> torch.Tensor:
    """A batch as the networks that read pixels alone take it."""
    return to_batch([resize(store.image(row), side, side) for row in rows])


def by_pixels(
    network: torch.nn.Module, side: int, store: ImageStore, fabric: Fabric, rows: list[int]
) -> NDArray[np.float32]:
    """Output of the foreground network or of SPAN."""
    pixels = channels_last(normalise(fabric.to_device(images_of(store, side, rows))))
    return np.asarray(network(pixels).float().cpu().numpy())


def networks(workspace: Workspace, models: list[str], fabric: Fabric) -> dict[str, See]:
    """Every network of a finished run, by name."""
    store = ImageStore(workspace.existing("images"))
    cutting = foreground.restore(workspace.existing("foreground_network"))
    span = views.restore(workspace.existing("span"), VIEWS)
    detector = fabric.to_device(parts.restore(workspace.existing("detector")))
    side = parts.input_size(detector)

    def detected(rows: list[int]) -> NDArray[np.float32]:
        boxes, _, scores = candidates_of(detector, fabric.to_device(images_of(store, side, rows)), 200)
        return np.concatenate([boxes.flatten(1).cpu().numpy(), scores.cpu().numpy()], 1)

    found: dict[str, See] = {"part detector": detected}
    for name, network in (("foreground network", cutting), ("SPAN", span)):
        placed = fabric.setup_module(network.to(memory_format=torch.channels_last))
        found[name] = partial(by_pixels, placed, network.shape.input_size, store, fabric)
    for model in models:
        found[model] = _embedder(replace(workspace, model=model), store, fabric)
    return found


def _embedder(workspace: Workspace, store: ImageStore, fabric: Fabric) -> See:
    network, _ = restore_reid(workspace.existing("reid"), workspace.model)
    sources = open_sources(store, workspace.existing, network.inputs)
    load = ColumnLoader(columns_of(sources, np.arange(len(store))), network.shape.input_size)
    module = fabric.setup_module(network.to(memory_format=torch.channels_last).eval())

    def embedded(rows: list[int]) -> NDArray[np.float32]:
        return np.asarray(module(fabric.to_device(collate([load(row) for row in rows]))).feature.float().cpu().numpy())

    return embedded


def report(name: str, how: str, found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Print one line of the comparison."""
    changed = int((found != expected).reshape(len(found), -1).any(1).sum())
    most = float(np.abs(found - expected).max())
    click.echo(f"{name:20s} {how:38s} {changed:3d} of {len(found)} outputs changed, by {most:.1e} at most")


def compare(name: str, see: See, size: int, count: int, chance: np.random.Generator) -> None:
    """Look at the first images in batches of `size`, and then otherwise."""
    rows = list(range(size))
    expected = see(rows)
    for smaller in (1, 2, size // 2, size - 1):
        report(name, f"batches of {smaller} in place of {size}", _in_batches(see, rows, smaller), expected)
    others = chance.integers(size, count, size).tolist()
    places = [see([*others[:place], rows[0], *others[place + 1 :]])[place] for place in range(size)]
    report(name, f"at every place, among others, of {size}", np.stack(places), np.stack([expected[0]] * size))
    again = see([*rows[: size // 2], *[rows[size // 2 - 1]] * (size - size // 2)])[: size // 2]
    report(name, f"half a batch filled up to {size}", again, expected[: size // 2])


def _in_batches(see: See, rows: list[int], size: int) -> NDArray[np.float32]:
    return np.concatenate([see(rows[start : start + size]) for start in range(0, len(rows), size)])


@click.command(help=__doc__)
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of a finished run.")
@click.option("--dataset", default="synthetic", show_default=True, help="Name of its data set.")
@click.option("--models", default="baseline,pgan,span_cpdm,fused", show_default=True, help="Re-ID models, with commas.")
@click.option("--threads", default=2, show_default=True, help="CPU threads.")
@click.option("--size", default=16, show_default=True, help="Images of a batch.")
def main(root: Path, dataset: str, models: str, threads: int, size: int) -> None:
    """Print the tables."""
    workspace = Workspace(root, dataset, parameters=root / "params.yaml")
    fabric = start(one_process(threads))
    count = len(ImageStore(workspace.existing("images")))
    instructions = torch.backends.cpu.get_cpu_capability()
    click.echo(f"{fabric.device}, {threads} threads, torch {torch.__version__}, {instructions}")
    every = networks(workspace, [model for model in models.split(",") if model], fabric)
    with torch.inference_mode():
        for name, see in every.items():
            compare(name, see, size, count, np.random.default_rng(0))


if __name__ == "__main__":
    main()
