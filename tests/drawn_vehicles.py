"""A data set of eight drawn images with every cache a stage writes, ground truth included; see `conftest.py`."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.datasets.limits import ImageLimits
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.networks.weights import save
from pipeline.store import hdf5
from pipeline.store.boxes import PartBoxes
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import PART_CLASSES

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
    """Where the tiny data set lies.

    Attributes:
        root: Folder laid out as the repository's ``data``.
        name: Name of the data set.
    """

    root: Path
    name: str

    def path(self, kind: str) -> Path:
        """Path of one cache, as ``grabcut``."""
        return self.root / kind / f"{self.name}.h5"

    def weights(self, name: str) -> Path:
        """Path of the weights ``detector`` or ``span``, which hold their metadata and an empty network."""
        return self.root.parent / "models" / f"{name}.safetensors"

    @property
    def store(self) -> ImageStore:
        """The image store, opened anew."""
        return ImageStore(self.path("images"))


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
    data = TinyData(root / "data", "tiny")
    records = _write_raw(root / "raw")
    write_store(data.path("images"), records, root / "raw", ImageLimits(10_000, 8, "stop"), "tiny")
    table = data.store.digest
    makers = _write_weights(data)
    _write_truth(data.path("truth"), table)
    _write_masks(data, hdf5.Header("part_masks/1", table, {"span": makers["span"]}))
    _write_parts(data.path("parts"), hdf5.Header("parts/1", table, {"detector": makers["detector"]}))
    return data


def _write_raw(folder: Path) -> list[ImageRecord]:
    folder.mkdir()
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
    trained = sorted({digest[:16] for digest in store.image_digests[store.rows("train")].tolist()})
    save(data.weights("detector"), {"empty": torch.zeros(1)}, "part_detector/1", {"trained_images": trained})
    save(data.weights("span"), {"empty": torch.zeros(1)}, "span/1", {"table": store.digest})
    return {name: file_digest(data.weights(name)) for name in ("detector", "span")}


def _write_truth(path: Path, table: str) -> None:
    encoded = cv2.imencode(".png", true_labels())[1].ravel()
    header = hdf5.Header("truth/1", table, notes={"views": True, "complete": True})
    with hdf5.create(path, header) as cache:
        cache.array("view_labels", np.tile(encoded, len(ROWS)))
        cache.array("view_labels_offsets", np.arange(len(ROWS) + 1, dtype=np.int64) * len(encoded))


def _write_masks(data: TinyData, header: hdf5.Header) -> None:
    """Foreground equal to the truth; GrabCut short of its right third; views as the truth, all soft edges hard."""
    labels = cv2.resize(true_labels(), (MASK_SIZE, MASK_SIZE), interpolation=cv2.INTER_NEAREST)
    foreground = np.where(labels > 0, 255, 0).astype(np.uint8)
    seed = foreground.copy()
    seed[:, 20:] = 0
    views = np.stack([np.where(labels == view, 255, 0) for view in (1, 2, 3)]).astype(np.uint8)
    count = len(ROWS)
    with hdf5.create(data.path("grabcut"), hdf5.Header("grabcut/1", header.table)) as cache:
        cache.rows("masks", count, seed.shape, np.uint8, compress=True).append(np.stack([seed] * count))
        cache.array("failed", np.zeros(count, bool))
        cache.array("foreground_share", np.full(count, (seed > 0).mean(), np.float32))
    with hdf5.create(data.path("foreground"), hdf5.Header("foreground/1", header.table)) as cache:
        cache.rows("masks", count, seed.shape, np.uint8, compress=True).append(np.stack([foreground] * count))
    sums = views.reshape(3, -1).sum(1).astype(np.float32)
    with hdf5.create(data.path("part_masks"), header) as cache:
        cache.rows("masks", count, views.shape, np.uint8, compress=True).append(np.stack([views] * count))
        cache.array("area_ratios", np.tile(sums / sums.sum(), (count, 1)).astype(np.float32))


def _write_parts(path: Path, header: hdf5.Header) -> None:
    """The three true parts, exactly, followed by three boxes at the image's corner."""
    truth = true_parts()
    corner = np.tile(np.array([[0, 0, 0.1, 0.1]], np.float32), (MAX_PARTS - 3, 1))
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.05], np.float32)
    count = len(ROWS)
    with hdf5.create(path, header) as cache:
        cache.array("boxes", np.tile(np.concatenate([truth.boxes, corner]), (count, 1, 1)))
        cache.array("labels", np.tile(np.concatenate([truth.labels, np.zeros(3, np.uint8)]), (count, 1)))
        cache.array("scores", np.tile(scores, (count, 1)))
