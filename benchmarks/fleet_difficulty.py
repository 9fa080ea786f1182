"""How hard the embedded data set is: mAP of a colour histogram, counts of viewpoints and of boxes per class.

Run: python -m benchmarks.fleet_difficulty --dataset synthetic
"""

import csv
import json
from collections import Counter
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.store.places import Workspace
from pipeline.store.vocabulary import PART_CLASSES
from stages.command import dataset_option, stage

BINS = [8, 8, 8]


def histogram(path: Path) -> NDArray[np.float64]:
    """HSV histogram `(512,)` of a picture, sum 1."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise ValueError(f"{path} is no picture")
    picture = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([picture], [0, 1, 2], None, BINS, [0, 180, 0, 256, 0, 256]).ravel()
    return np.asarray(counts / counts.sum(), np.float64)


def histogram_map(root: Path) -> float:
    """Mean average precision on the test split under the L1 distance, same vehicle and camera removed."""
    gallery = (root / "name_test.txt").read_text().split()
    table = np.stack([histogram(root / "image_test" / name) for name in gallery])
    vehicles, cameras = (np.array([name.split("_")[i] for name in gallery]) for i in range(2))
    precisions = []
    for query in (root / "name_query.txt").read_text().split():
        row = gallery.index(query)
        keep = (vehicles != vehicles[row]) | (cameras != cameras[row])
        order = np.argsort(np.abs(table[keep] - table[row]).sum(1), kind="stable")
        hits = np.flatnonzero(vehicles[keep][order] == vehicles[row]) + 1
        precisions.append((np.arange(1, len(hits) + 1) / hits).mean())
    return float(np.mean(precisions))


@stage
@dataset_option
def main(workspace: Workspace) -> None:
    """Print how hard a rendered data set is: mAP of a colour histogram, counts of viewpoints and of boxes per class."""
    root = workspace.existing("raw")
    click.echo(f"histogram mAP        {histogram_map(root):.3f}")
    with (root / "viewpoints.csv").open() as file:
        for name, count in Counter(row["viewpoint"] for row in csv.DictReader(file)).most_common():
            click.echo(f"viewpoint {name:12} {count:6}")
    annotations = json.loads((root / "parts.json").read_text())["annotations"]
    for category, count in sorted(Counter(row["category_id"] for row in annotations).items()):
        click.echo(f"{PART_CLASSES[category - 1]:22} {count:6}")


if __name__ == "__main__":
    main()
