"""Compares the GrabCut of `params.yaml` with the one of SPAN's release, in speed and against ground truth.

Reads a data set's images and ground truth; prints a table. Both segment the same images in the same run, in turns;
the release's procedure runs in one process as published, ours in as many as there are cores.
"""

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.truth import open_truth, read_view_labels
from pipeline.foreground.grabcut import GrabCutParams, seed_mask
from pipeline.quality.artifacts import measured_rows
from pipeline.quality.masks import coverage, foreground_iou, spill
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from stages.command import dataset_option, stage

SPILL_MARGIN = 0.1

Masks = list[NDArray[np.uint8]]


def segment_in_turn(images: Masks, values: GrabCutParams) -> Masks:
    """Masks of images, one after the other in this process."""
    return [seed_mask(image, values)[0] for image in images]


def segment_at_once(pool: Executor, images: Masks, values: GrabCutParams) -> Masks:
    """Masks of images, on all cores."""
    return [mask for mask, _ in pool.map(partial(seed_mask, params=values), images, chunksize=8)]


def timed(work: Callable[[], Masks]) -> tuple[float, Masks]:
    """Wall time in seconds, and the masks."""
    start = time.perf_counter()
    masks = work()
    return time.perf_counter() - start, masks


def quality(masks: Masks, labels: Masks, complete: bool) -> str:
    """IoU where the truth is complete, else coverage and spill."""
    pairs = list(zip(masks, labels, strict=True))
    if complete:
        scores = np.array([foreground_iou(mask, label) for mask, label in pairs])
        return f"IoU mean {scores.mean():.3f}, median {np.median(scores):.3f}, below 0.5: {(scores < 0.5).mean():.1%}"
    covered = np.nanmean([coverage(mask, label) for mask, label in pairs])
    spilt = np.nanmean([spill(mask, label, SPILL_MARGIN) for mask, label in pairs])
    return f"coverage {covered:.3f}, spill {spilt:.3f}"


@stage
@dataset_option
@click.option("--sample", default=60, show_default=True, help="Images segmented, spread evenly over those with truth.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each; medians are printed.")
def main(workspace: Workspace, sample: int, rounds: int) -> None:
    """Compare the GrabCut of the parameters with the one of SPAN's release, in speed and against ground truth."""
    ours = workspace.load("grabcut", GrabCutParams)
    release = replace(ours, size=192, padding=32, iterations=5, corner_radius=None, orientations=2)
    store = ImageStore(workspace.existing("images"))
    true = open_truth(workspace.existing("truth"), store.digest)
    rows = measured_rows(store, true)
    rows = rows[np.linspace(0, len(rows) - 1, min(sample, len(rows))).astype(int)]
    pictures = [store.image(row) for row in rows]
    labels = [label for row in rows if (label := read_view_labels(true, int(row))) is not None]
    cores = len(os.sched_getaffinity(0))
    seconds: dict[str, list[float]] = {"release": [], "ours": []}
    masks: dict[str, Masks] = {}
    with ProcessPoolExecutor(cores, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        segment_at_once(pool, pictures[: 8 * cores], ours)  # starts the processes
        for _ in range(rounds):
            works = {
                "release": partial(segment_in_turn, pictures, release),
                "ours": partial(segment_at_once, pool, pictures, ours),
            }
            for name, work in works.items():
                elapsed, masks[name] = timed(work)
                seconds[name].append(elapsed)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    click.echo(f"{len(rows)} images of {workspace.dataset}, {rounds} rounds, {cores} cores")
    for name, values in {"release": release, "ours": ours}.items():
        setting = f"{values.size} + {values.padding} px, {values.iterations} iterations"
        speed = f"{len(rows) / medians[name]:7.2f} images/s"
        click.echo(f"{name:8s} {setting:28s} {speed}  {quality(masks[name], labels, true.header.notes['complete'])}")
    click.echo(f"ours is {medians['release'] / medians['ours']:.1f} times as fast")


if __name__ == "__main__":
    main()
