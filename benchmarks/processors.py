"""Which artifacts another kind of x86 processor would write differently from the same weights, and by how much.

Takes the networks and some test images of a finished run to folders of its own, and runs the stages that look at images
there, each time in a new process whose libraries may not use some of this processor's instructions. Each stage reads
what the stages before it wrote under the same restriction. Compares with a run that may use everything.

    python -m benchmarks.processors --root FOLDER [--images 36] [--write]
"""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.added_images import STAGES, TRAINED, fresh, prepare, train_anew
from benchmarks.page import put
from pipeline.artifacts.features import read_features
from pipeline.retrieval.distances import DISTANCES
from pipeline.store.images import ImageStore
from pipeline.store.masks import intersection_over_union
from pipeline.store.places import Workspace

PAGE = Path("docs/reliability.md")
IMAGE_LIBRARIES = {
    "OpenCV without AVX-512": {"OPENCV_CPU_DISABLE": "AVX512_SKX"},
    "OpenCV without AVX": {"OPENCV_CPU_DISABLE": "AVX512_SKX,AVX2,FMA3,AVX"},
    "OpenCV with neither SSE4 nor IPP": {
        "OPENCV_CPU_DISABLE": "AVX512_SKX,AVX2,FMA3,AVX,SSE4_2,SSE4_1",
        "OPENCV_IPP": "disabled",
    },
    "NumPy without AVX": {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512F AVX512_SKX AVX2 FMA3"},
    "OpenBLAS of 2008": {"OPENBLAS_CORETYPE": "Nehalem"},
    "OpenBLAS of 2013": {"OPENBLAS_CORETYPE": "Haswell"},
    "libjpeg without SIMD": {"JSIMD_FORCENONE": "1"},
    "libm without FMA": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable"},
}
"""What libraries may not use, by their own variables: each makes this processor work as an older one does."""
TORCH = {
    "torch without AVX": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
    },
}
"""The same of torch and what it calls."""
WAYS = IMAGE_LIBRARIES | TORCH
NEAR = 4.0
"""Pixels: a box of the same class whose corners are all nearer is taken to be the same box."""

Arrays = dict[str, NDArray[Any]]


class Difference(NamedTuple):
    """How an artifact differs between two processors.

    Attributes:
        changed: Images whose bytes differ.
        images: Images in all.
        words: By how much.
    """

    changed: int
    images: int
    words: str


def changed_rows(old: Arrays, new: Arrays) -> NDArray[np.int64]:
    """Rows in which any array differs."""
    differ = [(old[name] != new[name]).reshape(len(old[name]), -1).any(1) for name in sorted(old)]
    return np.flatnonzero(np.any(differ, 0))


def of_masks(old: Arrays, new: Arrays) -> Difference:
    """Of masks, uint8 of which 128 and more are set: `(N, S, S)`, or `(N, V, S, S)` of several views."""
    rows, before, after = changed_rows(old, new), old["masks"], new["masks"]
    shared = [
        intersection_over_union(one >= 128, other >= 128)
        for row in rows
        for one, other in zip(*(masks[row].reshape(-1, *masks.shape[-2:]) for masks in (before, after)), strict=True)
    ]
    gap = np.abs(before.astype(int) - after).max(initial=0)
    words = f"IoU at least {np.nanmin([*shared, 1.0]):.4f}, values by {gap} of 255 at most"
    if "failed" in old:
        words += f", {np.count_nonzero(old['failed'] != new['failed'])} flags `failed`"
    if "area_ratios" in old:
        words += f", area ratios by {np.abs(old['area_ratios'] - new['area_ratios']).max(initial=0):.1g}"
    return Difference(len(rows), len(before), words)


def of_parts(old: Arrays, new: Arrays, sizes: NDArray[np.int32]) -> Difference:
    """Of part boxes, where each box is compared with the nearest of its class.

    Args:
        old: ``boxes`` `(N, M, 4)` in [0, 1], ``labels`` and ``scores`` `(N, M)`.
        new: The same of another processor.
        sizes: `(N, 2)` height and width of each image, pixels.
    """
    rows, shifts, scores = changed_rows(old, new), [], []
    for row in rows:
        height, width = sizes[row]
        apart = np.abs(old["boxes"][row][:, None] - new["boxes"][row][None]) * (width, height, width, height)
        far = np.where(old["labels"][row][:, None] == new["labels"][row][None], apart.max(2), np.inf)
        nearest = far.argmin(1)
        shifts.append(far.min(1))
        scores.append(np.abs(old["scores"][row] - new["scores"][row][nearest])[far.min(1) < NEAR])
    moved, scored = np.concatenate([*shifts, [0.0]]), np.concatenate([*scores, [0.0]])
    words = (
        f"boxes by {moved[moved < NEAR].max():.1g} pixels at most, scores by {scored.max():.1g}, "
        f"{np.count_nonzero(moved >= NEAR)} of {old['labels'].size} boxes replaced"
    )
    return Difference(len(rows), len(sizes), words)


def of_features(old: Workspace, new: Workspace, table: str) -> Difference:
    """Of features, and of each image's ranking of all others by the model's own distance."""
    (first, _), (second, _) = (read_features(workspace.path("features"), table) for workspace in (old, new))
    lengths = np.linalg.norm(first.features, axis=1) * np.linalg.norm(second.features, axis=1)
    cosines = (first.features.astype(np.float64) * second.features).sum(1) / lengths
    orders = []
    for found in (first, second):
        features, ratios = torch.from_numpy(found.features), torch.from_numpy(found.area_ratios)
        distances = torch.empty(len(features), len(features))
        DISTANCES[found.distance].to(features, ratios, found.dimensions)(features, ratios, distances)
        orders.append(distances.fill_diagonal_(torch.inf).argsort(stable=True, dim=1)[:, :-1])
    whole, top = (orders[0] != orders[1]).any(1).sum(), (orders[0] != orders[1])[:, 0].sum()
    values = {name: {"features": found.features} for name, found in (("old", first), ("new", second))}
    words = (
        f"cosine at least {1 - max(1 - cosines.min(), 0):.7f}, values by "
        f"{np.abs(first.features - second.features).max():.1g} of {np.abs(first.features).max():.2g} at most; "
        f"{whole} of {len(first.rows)} rankings change, {top} in first place"
    )
    return Difference(len(changed_rows(values["old"], values["new"])), len(first.rows), words)


def differences(old: Workspace, new: Workspace, models: tuple[str, ...]) -> Iterator[tuple[str, Difference]]:
    """What differs of every artifact of two runs on the same images."""
    store = ImageStore(old.path("images"))
    for kind in ("grabcut", "foreground", "parts", "part_masks"):
        first, second = (_arrays(workspace.path(kind)) for workspace in (old, new))
        yield kind, of_parts(first, second, store.sizes) if kind == "parts" else of_masks(first, second)
    for model in models:
        before, after = (replace(workspace, model=model) for workspace in (old, new))
        yield f"features of `{model}`", of_features(before, after, store.digest)


def _arrays(path: Path) -> Arrays:
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def run(root: Path, dataset: str, *models: str) -> None:
    """Run every stage in this process."""
    workspace = Workspace(root, dataset, parameters=root / "params.yaml")
    for name in STAGES:
        for model in models if name == "embed" else ("",):
            if name in TRAINED:
                train_anew(replace(workspace, model=model), *TRAINED[name])
            command = getattr(importlib.import_module(f"stages.{name}"), name)
            names = ["--dataset", dataset, "--root", str(root), *(["--model", model] if model else [])]
            command.main(names, standalone_mode=False)


def run_with(workspace: Workspace, models: tuple[str, ...], variables: dict[str, str]) -> None:
    """Run every stage in a new process that has some variables."""
    program = "import sys, pathlib, benchmarks.processors as b; b.run(pathlib.Path(sys.argv[1]), *sys.argv[2:])"
    command = [sys.executable, "-c", program, str(workspace.root), workspace.dataset, *models]
    subprocess.run(command, env=os.environ | variables, check=True, stdout=subprocess.DEVNULL)


def table(
    finished: Workspace, models: tuple[str, ...], images: int, ways: tuple[str, ...], folder: Path
) -> Iterator[str]:
    """Lines of the table, one for each artifact that differs."""
    source = ImageStore(finished.existing("images"))
    rows = source.test_rows()[:images].tolist()
    everything = {name: value for variables in WAYS.values() for name, value in variables.items()}
    chosen = {way: WAYS[way] for way in ways}
    yield f"| of {len(rows)} images of {finished.dataset} | artifact | images that change | by how much |"
    yield "|---|---|---|---|"
    for what, variables in {"": {}, **chosen, "all libraries at once": everything}.items():
        here = fresh(finished, folder / (what or "reference"), {"map_workers": 1}, finished.parameters)
        prepare(source, here, rows)
        run_with(here, models, variables)
        if what:
            found = differences(replace(here, root=folder / "reference"), here, models)
            lines = [
                f"| {what} | {artifact} | {difference.changed} | {difference.words} |"
                for artifact, difference in found
                if difference.changed
            ]
            yield from lines or [f"| {what} | any | 0 | |"]


@click.command(help=__doc__)
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of a finished run.")
@click.option("--dataset", default="synthetic", show_default=True, help="Name of its data set.")
@click.option(
    "--model", "models", multiple=True, default=("pgan", "span_cpdm"), show_default=True, help="Models that embed."
)
@click.option("--images", default=36, show_default=True, help="How many test images.")
@click.option(
    "--way", "ways", multiple=True, type=click.Choice(list(WAYS)), default=list(WAYS), help="Ways tried.  [all]"
)
@click.option("--write", is_flag=True, help=f"Put the table into {PAGE}.")
def main(root: Path, dataset: str, models: tuple[str, ...], images: int, ways: tuple[str, ...], write: bool) -> None:
    """Print the table."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        finished = Workspace(root, dataset, models[0], root / "params.yaml")
        for line in table(finished, models, images, ways, Path(folder)):
            click.echo(line)
            lines.append(line)
    if write:
        put(PAGE, "the processors", "\n".join(lines))


if __name__ == "__main__":
    main()
