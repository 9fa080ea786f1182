"""A data set of eight drawn images with every cache a stage writes, ground truth included; see `conftest.py`."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.artifacts.foreground import write_foreground
from pipeline.artifacts.parts import Detections, write_parts
from pipeline.artifacts.seeds import Seeds, write_seeds
from pipeline.artifacts.truth import Truth, write_truth
from pipeline.artifacts.views import write_views
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.foreground.trained_on import KIND as FOREGROUND_KIND
from pipeline.networks.weights import save
from pipeline.parts.trained_on import KIND as DETECTOR_KIND
from pipeline.parts.trained_on import trained_images
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.boxes import PartBoxes
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from pipeline.store.vocabulary import PART_CLASSES
from pipeline.views.trained_on import KIND as SPAN_KIND

HEIGHT, WIDTH = 64, 96
BODY = (12, 12, 84, 48)
"""Left, top, right and bottom of every drawn vehicle, pixels; its left half is front, its right half side."""
MASK_SIZE = 32
MAX_PARTS = 6
PAINTS = {"0001": (190, 30, 30), "0002": (30, 90, 190), "0003": (40, 150, 60), "0004": (200, 170, 40)}
ROWS = (
    ("0001", "c1", "train", "front-side"),
    ("0001", "c2", "train", "front-side"),
    ("0002", "c1", "train", "rear-side"),
    ("0002", "c2", "train", None),
    ("0003", "c1", "query", "front-side"),
    ("0004", "c1", "query", "front-side"),
    ("0003", "c2", "gallery", "front-side"),
    ("0004", "c2", "gallery", "front-side"),
)


@dataclass(frozen=True)
class TinyData:
    """The tiny data set in a folder of its own.

    Attributes:
        root: Folder laid out as the project: a stage's ``--root``.
        name: Name of the data set.
    """

    root: Path
    name: str

    def workspace(self, model: str = "") -> Workspace:
        """The folder as stages see it, of one re-ID model where that matters."""
        return Workspace(self.root, self.name, model, self.root / "params.yaml")

    def path(self, kind: str, model: str = "") -> Path:
        """Path of one output, a key of `PLACES`, as ``grabcut``."""
        return self.workspace(model).path(kind)

    def weights(self, name: str) -> Path:
        """Path of weights, as ``detector``, ``span`` or ``foreground_network``: their metadata and an empty network."""
        return self.path(name)

    @property
    def store(self) -> ImageStore:
        """The image store, opened anew."""
        return ImageStore(self.path("images"))

    def file(self, row: int) -> Path:
        """The image file of one row of the table."""
        return self.path("raw") / str(self.store.paths[row])

    def copy(self, folder: Path) -> "TinyData":
        """The same in another folder, for a test that changes it."""
        shutil.copytree(self.root, folder, dirs_exist_ok=True)
        return TinyData(folder, self.name)


def rewrite_cache(
    path: Path,
    output: Path,
    made_by: dict[str, str] | None = None,
    change: Callable[[NDArray[Any]], NDArray[Any]] = lambda values: values,
) -> None:
    """Write a cache anew, here or elsewhere, with more makers in its header and its values changed."""
    with hdf5.Cache(path, hdf5.read_header(path).schema) as cache:
        header = replace(cache.header, made_by=cache.header.made_by | (made_by or {}))
        arrays = {name: cache[name][()] for name in cache.file}
    with hdf5_writer.create(output, header) as writer:
        for name, values in arrays.items():
            writer.array(name, change(values))


def draw_vehicle(row: int) -> NDArray[np.uint8]:
    """Image of one row: a box of its vehicle's paint with two wheels and a plate, `(64, 96, 3)` uint8 RGB."""
    vehicle, *_ = ROWS[row]
    image = np.full((HEIGHT, WIDTH, 3), 120 + 10 * row, np.uint8)
    left, top, right, bottom = BODY
    image[top:bottom, left:right] = PAINTS[vehicle]
    for centre in (28, 68):
        cv2.circle(image, (centre, bottom - 2), 8, (20, 20, 20), -1)
    image[34:40, 40:54] = (240, 240, 220)
    return image


def true_parts() -> PartBoxes:
    """The two wheels and the plate that every image shows."""
    pixels = np.array([[20, 38, 37, 55], [60, 38, 77, 55], [40, 34, 54, 40]], np.float32)
    labels = [PART_CLASSES.index(name) for name in ("wheel", "wheel", "plate")]
    return PartBoxes(pixels / np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32), np.array(labels, np.uint8))


def true_labels() -> NDArray[np.uint8]:
    """Map of true views of every image, `(64, 96)` uint8."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    left, top, right, bottom = BODY
    labels[top:bottom, left : WIDTH // 2] = 1
    labels[top:bottom, WIDTH // 2 : right] = 3
    return labels


def write_tiny_data(root: Path) -> TinyData:
    """Write the tiny data set with all its caches into `root`."""
    data = TinyData(root, "tiny")
    records = _write_raw(data.path("raw"))
    write_store(data.path("images"), records, data.path("raw"), ImageLimitsParams(10_000, 8, "stop"), "tiny")
    makers = _write_weights(data)
    encoded = cv2.imencode(".png", true_labels())[1].tobytes()
    write_truth(data.path("truth"), data.store, Truth(dict.fromkeys(range(len(ROWS)), encoded), None, complete=True))
    _write_masks(data, makers)
    _write_parts(data, {"detector": makers["detector"]})
    return data


def _write_raw(folder: Path) -> list[ImageRecord]:
    folder.mkdir(parents=True)
    records = []
    for row, (vehicle, camera, split, viewpoint) in enumerate(ROWS):
        name = f"{vehicle}_{camera}_{row}.png"
        cv2.imwrite(str(folder / name), cv2.cvtColor(draw_vehicle(row), cv2.COLOR_RGB2BGR))
        groups = {"type": "sedan" if vehicle < "0003" else "van"}
        records.append(ImageRecord(name, split, vehicle, camera, viewpoint, groups, true_parts()))
    return records


def _write_weights(data: TinyData) -> dict[str, str]:
    """Name -> digest of weights that were trained on the split `train`."""
    store = data.store
    trained = trained_images(store, store.rows("train"))
    save(data.weights("detector"), {"empty": torch.zeros(1)}, DETECTOR_KIND, {"trained_images": trained})
    save(data.weights("span"), {"empty": torch.zeros(1)}, SPAN_KIND, {"table": store.digest})
    save(data.weights("foreground_network"), {"empty": torch.zeros(1)}, FOREGROUND_KIND, {"removed_rows": [1]})
    names = {"detector": "detector", "span": "span", "foreground": "foreground_network"}
    return {maker: file_digest(data.weights(name)) for maker, name in names.items()}


def _write_masks(data: TinyData, makers: dict[str, str]) -> None:
    """Foreground equal to the truth; GrabCut short of its right third; views as the truth, all soft edges hard."""
    labels = cv2.resize(true_labels(), (MASK_SIZE, MASK_SIZE), interpolation=cv2.INTER_NEAREST)
    foreground = np.where(labels > 0, 255, 0).astype(np.uint8)
    seed = foreground.copy()
    seed[:, 20:] = 0
    views = np.stack([np.where(labels == view, 255, 0) for view in (1, 2, 3)]).astype(np.uint8)
    table, count = data.store.digest, len(ROWS)
    seeds = Seeds(np.stack([seed] * count), np.zeros(count, bool))
    write_seeds(data.path("grabcut"), table, count, MASK_SIZE, [seeds], {})
    made_by = {name: {name: makers[name]} for name in ("foreground", "span")}
    masks = [np.stack([foreground] * count)]
    write_foreground(data.path("foreground"), table, count, MASK_SIZE, masks, made_by["foreground"])
    write_views(data.path("part_masks"), table, count, MASK_SIZE, [np.stack([views] * count)], made_by["span"])


def _write_parts(data: TinyData, made_by: dict[str, str]) -> None:
    """The three true parts, exactly, followed by three boxes at the image's corner."""
    truth = true_parts()
    corner = np.tile(np.array([[0, 0, 0.1, 0.1]], np.float32), (MAX_PARTS - 3, 1))
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.05], np.float32)
    count = len(ROWS)
    found = Detections(
        np.tile(np.concatenate([truth.boxes, corner]), (count, 1, 1)),
        np.tile(np.concatenate([truth.labels, np.zeros(3, np.uint8)]), (count, 1)),
        np.tile(scores, (count, 1)),
    )
    write_parts(data.path("parts"), data.store.digest, count, MAX_PARTS, [found], made_by)
