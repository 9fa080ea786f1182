"""Writes a fleet in VeRi-776's own layout, with ground truth beside it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from pipeline.store.vocabulary import PART_CLASSES
from pipeline.synthetic.annotation import category_id
from pipeline.synthetic.picture import Picture
from pipeline.synthetic.specs import COLORS, TYPE_NAMES, VehicleSpec

VERI_TYPE: dict[str, str] = {
    "sedan": "sedan",
    "coupe": "sedan",
    "wagon": "estate",
    "hatchback": "hatchback",
    "suv": "suv",
    "mpv": "mpv",
    "pickup": "pickup",
    "van": "van",
    "box_truck": "truck",
    "bus": "bus",
}
"""Body type -> type name of VeRi-776."""

SPLITS: tuple[str, ...] = ("train", "query", "test")


@dataclass(frozen=True)
class Shot:
    """Who, where and when of one picture.

    Attributes:
        vehicle_id: Who.
        camera_id: Where.
        frame: When: the camera's frame number.
        is_query: Whether it is a query as well as a gallery image.
    """

    vehicle_id: int
    camera_id: int
    frame: int
    is_query: bool

    @property
    def name(self) -> str:
        """File name, as VeRi-776 writes it."""
        return f"{self.vehicle_id:04d}_c{self.camera_id:03d}_{self.frame:08d}_0.jpg"


Taken = tuple[Shot, Picture]


def write(root: Path, train: Sequence[Taken], test: Sequence[Taken], vehicles: Sequence[VehicleSpec]) -> None:
    """Write all files of the data set into the existing, empty directory `root`.

    Args:
        root: Where to.
        train: Pictures of `image_train`.
        test: Pictures of `image_test`; the queries among them are in `image_query` too.
        vehicles: All vehicles.
    """
    query = [taken for taken in test if taken[0].is_query]
    splits = dict(zip(SPLITS, (list(train), query, list(test)), strict=True))
    for split, rows in splits.items():
        folder = root / f"image_{split}"
        folder.mkdir()
        for shot, picture in rows:
            (folder / shot.name).write_bytes(picture.jpeg)
        _lines(root / f"name_{split}.txt", [shot.name for shot, _ in rows])
    specs = {spec.vehicle_id: spec for spec in vehicles}
    _labels(root / "train_label.xml", "TrainingImages", train, specs)
    _labels(root / "test_label.xml", "TestImages", test, specs)
    _ground_truth_lists(root, [shot for shot, _ in query], [shot for shot, _ in test])
    _lines(root / "list_color.txt", [f"{i + 1} {name}" for i, name in enumerate(COLORS)])
    _lines(root / "list_type.txt", [f"{i + 1} {name}" for i, name in enumerate(TYPE_NAMES)])
    unique = [*train, *test]
    _lines(root / "viewpoints.csv", ["image,viewpoint", *(f"{shot.name},{taken.viewpoint}" for shot, taken in unique)])
    _part_boxes(root / "parts.json", unique)
    _measurements(root / "ground_truth.h5", splits, vehicles)


def _lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _labels(path: Path, tag: str, rows: Sequence[Taken], specs: dict[int, VehicleSpec]) -> None:
    """Vehicle, camera, colour and type of each picture, in VeRi's XML, and beside them its group of twins."""
    items = []
    for shot, _ in rows:
        spec = specs[shot.vehicle_id]
        color = COLORS.index(spec.styling.paint_name) + 1
        kind = TYPE_NAMES.index(VERI_TYPE[spec.shape.body_type]) + 1
        items.append(
            f'    <Item imageName="{shot.name}" vehicleID="{shot.vehicle_id:04d}" '
            f'cameraID="c{shot.camera_id:03d}" colorID="{color}" typeID="{kind}" '
            f'twinID="{spec.twin_group}" />'
        )
    head = ['<?xml version="1.0" encoding="gb2312"?>', f'<{tag} Version="1.0">', f'  <Items number="{len(items)}">']
    _lines(path, [*head, *items, "  </Items>", f"</{tag}>"])


def _ground_truth_lists(root: Path, query: list[Shot], test: list[Shot]) -> None:
    """For each query the 1-based places in `name_test.txt` of its good and its junk images."""
    good, junk = [], []
    for shot in query:
        same = [(i + 1, other) for i, other in enumerate(test) if other.vehicle_id == shot.vehicle_id]
        good.append(" ".join(str(i) for i, other in same if other.camera_id != shot.camera_id))
        junk.append(" ".join(str(i) for i, other in same if other.camera_id == shot.camera_id))
    _lines(root / "gt_index.txt", good)
    _lines(root / "jk_index.txt", junk)


def _part_boxes(path: Path, rows: Sequence[Taken]) -> None:
    """Boxes of visible parts, in COCO's format."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image_id, (shot, picture) in enumerate(rows, 1):
        width, height = picture.size
        images.append({"id": image_id, "file_name": shot.name, "width": width, "height": height})
        for part in picture.parts:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category_id(part.name),
                    "bbox": list(part.box),
                    "area": part.area,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": category_id(name), "name": name} for name in PART_CLASSES]
    document = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(document, sort_keys=True) + "\n", encoding="utf-8")


def _measurements(path: Path, splits: dict[str, list[Taken]], vehicles: Sequence[VehicleSpec]) -> None:
    """What the pipeline is measured against and never trained on."""
    rows = [(f"image_{split}/{shot.name}", picture) for split, taken in splits.items() for shot, picture in taken]
    maps = [np.frombuffer(picture.labels, np.uint8) for _, picture in rows]
    with h5py.File(path, "w", driver="core", backing_store=False) as file:
        file["azimuth"] = np.array([picture.azimuth for _, picture in rows], np.float32)
        file["elevation"] = np.array([picture.elevation for _, picture in rows], np.float32)
        file["labels"] = np.concatenate(maps)
        file["labels_offsets"] = np.concatenate([[0], np.cumsum([len(data) for data in maps])]).astype(np.int64)
        file["path"] = np.array([name.encode() for name, _ in rows])
        table = file.create_group("vehicles")
        table["body_type"] = np.array([spec.shape.body_type.encode() for spec in vehicles])
        table["paint"] = np.array([spec.styling.paint_name.encode() for spec in vehicles])
        table["twin_group"] = np.array([spec.twin_group for spec in vehicles], np.int64)
        table["vehicle_id"] = np.array([spec.vehicle_id for spec in vehicles], np.int64)
        file.flush()
        content = file.id.get_file_image()
    path.write_bytes(content)  # by HDF5 itself, a full disk would end the process without a word
