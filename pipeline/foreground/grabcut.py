"""Seed masks by GrabCut: no mark is set by hand, because a vehicle crop's border is background (SPAN supplement §1)."""

import math
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from tqdm import tqdm

from pipeline.artifacts.seeds import Seeds
from pipeline.store import hdf5
from pipeline.store.files import set_aside
from pipeline.store.images import ImageStore
from pipeline.store.masks import intersection_over_union
from pipeline.store.params import Share, parameters
from pipeline.store.resizing import resize

SHARD_ROWS = 256
"""Rows a worker finishes before it writes them to the scratch folder; an interruption loses at most these."""

SHARD = "grabcut_shard/1"
"""Kind of a finished shard's file."""

MODEL_SIZE = 65
"""Numbers in one of OpenCV's colour models: five Gaussians of weight, mean and covariance."""


@parameters
class GrabCutParams:
    """The `grabcut` section of `params.yaml`."""

    size: PositiveInt
    """Side of the square the image is squashed to, and of the mask, pixels."""
    padding: PositiveInt
    """Width of the replicated border around it, pixels, all of it background. A wide one counts the image's corners
    more often as background and, by OpenCV's estimate of contrast, weakens smoothing."""
    iterations: PositiveInt
    """Rounds of colour models and minimum cut; further ones shrink masks."""
    corner_radius: PositiveFloat | None
    """Pixels further from the centre than this many half sides start as probable background and all others as probable
    foreground; null starts with foreground everywhere."""
    orientations: Literal[1, 2]
    """2 also segments the image flipped on both axes and keeps what both runs call foreground."""
    min_share: Share
    """A mask with a smaller foreground share has failed, and is not trained on."""
    max_share: Share
    """A mask with a greater one has failed."""
    min_agreement: Share
    """A mask whose two orientations have a smaller intersection over union has failed."""


def seed_mask(image: NDArray[np.uint8], params: GrabCutParams) -> tuple[NDArray[np.uint8], float]:
    """Segment one image; the result depends on nothing but the arguments.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        params: Sizes and rounds.

    Returns:
        `(S, S)` uint8 mask, 0 or 255, and the intersection over union of the two orientations.

    Source: SPAN supplement §1; the second orientation is its authors' release's.
    """
    square = np.ascontiguousarray(resize(image, params.size, params.size)[..., ::-1])  # BGR
    first = _cut(square, params)
    if params.orientations == 1:
        return np.asarray(first * np.uint8(255)), 1.0
    second = _cut(np.ascontiguousarray(square[::-1, ::-1]), params)[::-1, ::-1]
    agreement = intersection_over_union(first, second)
    return np.asarray((first & second) * np.uint8(255)), 0.0 if math.isnan(agreement) else agreement


def _cut(square: NDArray[np.uint8], params: GrabCutParams) -> NDArray[np.bool_]:
    """GrabCut inside a padded border: `(S, S, 3)` uint8 -> `(S, S)` bool."""
    cv2.setRNGSeed(0)  # GrabCut's first colour models are drawn by k-means
    border = (params.padding,) * 4
    padded = cv2.copyMakeBorder(square, *border, cv2.BORDER_REPLICATE)
    marks = np.pad(_first_marks(params), params.padding, constant_values=cv2.GC_BGD)
    models = np.zeros((1, MODEL_SIZE)), np.zeros((1, MODEL_SIZE))
    cv2.grabCut(padded, marks, (0, 0, 0, 0), *models, params.iterations, cv2.GC_INIT_WITH_MASK)
    inside = slice(params.padding, params.padding + params.size)
    return np.asarray(marks[inside, inside] == cv2.GC_PR_FGD)


def _first_marks(params: GrabCutParams) -> NDArray[np.uint8]:
    centres = (np.arange(params.size) + 0.5) / params.size * 2 - 1
    radius = math.inf if params.corner_radius is None else params.corner_radius
    inner = np.hypot(centres[:, None], centres[None]) <= radius
    return np.where(inner, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)


def make_seeds(store: ImageStore, params: GrabCutParams, scratch: Path, processes: int = 0) -> Iterator[Seeds]:
    """Segment every image of a store.

    Finished shards wait in `scratch` and come out in row order at the end: memory stays bounded, an interrupted run
    goes on where it was, and the result is the same, byte for byte, however many processes made it. A damaged shard is
    set aside with a word on standard error, and made again.

    Args:
        store: The images.
        params: Sizes and rounds.
        scratch: Folder for shards, named by a digest of images and parameters; whoever has written the seeds
            removes it.
        processes: Worker processes; 0 takes every core this process may use.

    Yields:
        Seeds of the next rows.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    shards = [range(start, min(start + SHARD_ROWS, len(store))) for start in range(0, len(store), SHARD_ROWS)]
    missing = [rows for rows in shards if not _is_whole(_shard_path(scratch, rows), store.digest, rows, params)]
    work = partial(_write_shard, store, params, scratch)
    bar = tqdm(total=len(shards), initial=len(shards) - len(missing), unit="shard", mininterval=5, disable=None)
    with bar:
        for _ in _apply(work, missing, min(processes or _cores(), len(missing))):
            bar.update()
    for rows in shards:
        yield _read_shard(_shard_path(scratch, rows), store.digest, rows, params)


def _apply(work: Callable[[range], None], shards: Sequence[range], processes: int) -> Iterator[None]:
    """Apply `work` to every shard, in as many fresh processes; here where one is enough."""
    if processes <= 1:
        yield from map(work, shards)
        return
    context = multiprocessing.get_context("spawn")  # a forked HDF5 handle is not safe
    with ProcessPoolExecutor(processes, context, cv2.setNumThreads, (1,)) as pool:
        yield from pool.map(work, shards)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _shard_path(folder: Path, rows: range) -> Path:
    return folder / f"{rows.start:09d}-{rows.stop:09d}.h5"


def _write_shard(store: ImageStore, params: GrabCutParams, folder: Path, rows: range) -> None:
    masks, agreements = zip(*(seed_mask(store.image(row), params) for row in rows), strict=True)
    with hdf5.create(_shard_path(folder, rows), hdf5.Header(SHARD, store.digest)) as shard:
        shard.rows("masks", len(rows), (params.size, params.size), np.uint8, compress=True).append(np.stack(masks))
        shard.array("agreements", np.array(agreements, np.float32))


def _is_whole(path: Path, table: str, rows: range, params: GrabCutParams) -> bool:
    """Whether a shard is there; a damaged one is set aside."""
    if not path.exists():
        return False
    try:
        _read_shard(path, table, rows, params)
    except (OSError, ValueError, KeyError) as error:
        kept = set_aside(path)
        tqdm.write(f"{error}\nIt was set aside as {kept.name}; its rows are segmented again.", file=sys.stderr)
        return False
    return True


def _read_shard(path: Path, table: str, rows: range, params: GrabCutParams) -> Seeds:
    with hdf5.Cache(path, SHARD, table) as shard:
        masks, agreements = shard["masks"][()], shard["agreements"][()]
    if masks.shape != (len(rows), params.size, params.size):
        raise ValueError(f"{path}: expected {len(rows)} masks of {params.size} x {params.size}, got {masks.shape}")
    return Seeds(masks, have_failed(masks, agreements, params))


def have_failed(masks: NDArray[np.uint8], agreements: NDArray[np.float32], params: GrabCutParams) -> NDArray[np.bool_]:
    """Which masks cannot be trusted: almost empty, almost full, or of two minds.

    Args:
        masks: `(R, S, S)` uint8, 0 or 255.
        agreements: `(R,)` float32, intersection over union of the two orientations; 1 where there is one.
        params: The bounds.

    Returns:
        `(R,)` bool.
    """
    shares = (masks > 0).mean((1, 2)).astype(np.float32)
    usual = (shares >= params.min_share) & (shares <= params.max_share)
    return np.asarray(~usual | (agreements < params.min_agreement))
