"""Miniatures of the benchmarks' official folders, quirks included, and the stage `prepare` run on them."""

import re
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tiny_run import PROJECT, run_stage

from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from stages.prepare import prepare

VERI_TRAIN = ("0001_c001_00016450_0.jpg", "0001_c002_00016460_0.jpg", "0005_c019_00000001_12.jpg")
VERI_GALLERY = (
    "0002_c003_00030600_0.jpg",
    "0002_c003_00030610_0.jpg",
    "0002_c004_00030605_1.jpg",
    "0002_c005_00030700_0.jpg",
    "0006_c003_00000010_0.jpg",
    "0006_c003_00000015_0.jpg",
    "0006_c007_00000020_0.jpg",
    "0009_c001_00000030_0.jpg",
)
VERI_QUERIES = (VERI_GALLERY[0], VERI_GALLERY[2], VERI_GALLERY[5])


def coco_document(categories: Sequence[str], boxes: Sequence[tuple[int, int, list[int]]]) -> dict[str, Any]:
    """A COCO document of the images ``a.jpg`` (100 x 80) and ``b.jpg`` (60 x 60).

    Args:
        categories: Their names; ids count from 1.
        boxes: Image, category and ``[x, y, width, height]`` of each annotation; ids count from 11.
    """
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 100, "height": 80},
            {"id": 2, "file_name": "b.jpg", "width": 60, "height": 60},
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories, 1)],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "bbox": box}
            for i, (image, category, box) in enumerate(boxes, 11)
        ],
    }


def write_image(path: Path) -> None:
    """Write a picture of 24 x 20 pixels that its file name determines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(path.name.encode()))
    assert cv2.imwrite(str(path), random.integers(0, 256, (20, 24, 3), np.uint8))


def write_lines(path: Path, lines: Iterable[str], end: str = "\n") -> None:
    """Write a text file of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())


def write_labels(path: Path, items: Mapping[str, Mapping[str, str]]) -> None:
    """Write a label file: image name -> attributes. Its header claims gb2312, as the benchmarks' do."""
    rows = [
        f'<Item imageName="{name}" ' + " ".join(f'{key}="{value}"' for key, value in attributes.items()) + " />"
        for name, attributes in items.items()
    ]
    text = f'<?xml version="1.0" encoding="gb2312"?>\n<Images Version="1.0"><Items>{"".join(rows)}</Items></Images>'
    path.write_bytes(text.encode("gb2312"))


def keypoint_line(path: str, orientation: int | str) -> str:
    """A line of VeRi-776's keypoint release with no visible keypoint."""
    return " ".join([path, *["-1"] * 40, str(orientation)])


def write_veri776(root: Path) -> None:
    """Write VeRi-776 as downloaded, its lists of good and junk images and the keypoint release's files included.

    Lists end their lines the Windows way. Three queries of two vehicles; every query is in the gallery too, and the
    gallery's third vehicle is seen by one camera. One gallery image has no viewpoint.
    """
    names = {"train": VERI_TRAIN, "query": VERI_QUERIES, "test": VERI_GALLERY}
    for split, listed in names.items():
        for name in listed:
            write_image(root / f"image_{split}" / name)
        write_lines(root / f"name_{split}.txt", listed, "\r\n")
    for split in ("train", "test"):
        codes = {
            name: {"vehicleID": name[:4], "cameraID": name[5:9], "colorID": str(place + 1), "typeID": "4"}
            for place, name in enumerate(names[split])
        }
        write_labels(root / f"{split}_label.xml", codes)
    good = [[n for n, name in enumerate(VERI_GALLERY, 1) if _same(name, query) == (1, 0)] for query in VERI_QUERIES]
    junk = [[n for n, name in enumerate(VERI_GALLERY, 1) if _same(name, query) == (1, 1)] for query in VERI_QUERIES]
    for kind, indices in (("gt", good), ("jk", junk)):
        write_lines(root / f"{kind}_index.txt", (" ".join(map(str, of_query)) + " " for of_query in indices))
    write_lines(
        root / "keypoint_train.txt",
        (keypoint_line(f"VeRi/image_train/{name}", place) for place, name in enumerate(VERI_TRAIN)),
    )
    write_lines(
        root / "keypoint_test.txt",
        (keypoint_line(f"VeRi/image_test/{name}", place % 8) for place, name in enumerate(VERI_GALLERY[:-1], 1)),
    )


def _same(name: str, query: str) -> tuple[bool, bool]:
    """Whether two images show one vehicle and come from one camera."""
    return name[:4] == query[:4], name[5:9] == query[5:9]


def write_vehicleid(root: Path) -> None:
    """Write VehicleID as downloaded: names without endings, lists that overlap, colours of few vehicles.

    Two trained vehicles of two images each; three tested ones, of which the small list has one, the medium one two
    and the large one all, and one vehicle that no list used here has.
    """
    vehicles = {f"{place:07d}": str(place // 2) for place in range(12)}
    for image in vehicles:
        write_image(root / "image" / f"{image}.jpg")
    lists = {"train_list": ("0", "1"), "test_list_800": ("2",), "test_list_1600": ("2", "3")}
    lists["test_list_2400"] = ("2", "3", "4")
    for name, listed in lists.items():
        rows = (f"{image} {vehicle}" for image, vehicle in vehicles.items() if vehicle in listed)
        write_lines(root / "train_test_split" / f"{name}.txt", rows)
    write_lines(root / "attribute" / "img2vid.txt", (f"{image} {vehicle}" for image, vehicle in vehicles.items()))
    write_lines(root / "attribute" / "color_attr.txt", ["0 3"])
    write_lines(root / "attribute" / "model_attr.txt", ["0 17", "3 249"])


def write_vric(root: Path) -> None:
    """Write VRIC as downloaded; its file names tell neither vehicle nor camera."""
    lists = {
        "train": ["MVI_20011_001_img00001.jpg 7 1", "MVI_20012_004_img00002.jpg 7 2", "MVI_20011_002_img00105.jpg 9 1"],
        "probe": ["MVI_20035_016_img00105.jpg 15 1", "MVI_20051_003_img00033.jpg 16 5"],
        "gallery": ["MVI_20052_001_img00200.jpg 16 6", "MVI_20061_009_img00404.jpg 15 9"],
    }
    for split, lines in lists.items():
        for line in lines:
            write_image(root / f"{split}_images" / line.split()[0])
        write_lines(root / f"vric_{split}.txt", lines)


VERI_WILD_LISTS: dict[str, tuple[str, ...]] = {
    "train_list": ("00001/000001", "00001/000002", "00002/000003"),
    "test_3000": ("00011/000012", "00011/000013"),
    "test_3000_query": ("00011/000011",),
    "test_5000": ("00011/000011", "00011/000013", "00012/000021"),
    "test_5000_query": ("00011/000012", "00012/000022"),
    "test_10000": ("00011/000013", "00012/000021", "00012/000022", "00013/000031"),
    "test_10000_query": ("00011/000012", "00012/000022", "00013/000032"),
}
"""Images of the lists; ``000011`` and ``000012`` change roles, ``000022`` of the large set is in both of its lists."""


def write_veri_wild(root: Path, *, as_downloaded: bool = False) -> None:
    """Write VERI-Wild.

    Args:
        root: Where.
        as_downloaded: With the names and columns of the download (``train_list_start0.txt`` with labels from 0 and
            cameras), not those that its description and most readers use.
    """
    folder = root / "train_test_split"
    images = sorted({image for listed in VERI_WILD_LISTS.values() for image in listed})
    for name, listed in VERI_WILD_LISTS.items():
        if as_downloaded:
            renamed = "train_list_start0" if name == "train_list" else re.sub(r"\d+", r"\g<0>_id", name)
            rows = [f"{image}.jpg {place} {place + 20}" for place, image in enumerate(listed)]
            write_lines(folder / f"{renamed}.txt", rows)
        else:
            ending = ".jpg" if "query" in name else ""
            write_lines(folder / f"{name}.txt", [f"{image}{ending}" for image in listed])
    for image in images:
        write_image(root / "images" / f"{image}.jpg")
    facts = [f"{image};{int(image[-2:]) + 100};2018-03-11 09:05:17;雪铁龙 C5;SUV;dark gray" for image in images]
    write_lines(folder / "vehicle_info.txt", ["id/image;Camera ID;Time;Model;Type;Color", *facts])


CITYFLOW_TRAIN: dict[str, tuple[str, str]] = {
    f"{place:06d}.jpg": (f"{vehicle:04d}", f"c{camera:03d}")
    for place, (vehicle, camera) in enumerate(
        [(vehicle, camera) for vehicle in range(1, 11) for camera in (1, 2, 3) for _ in range(3)], 1
    )
}
"""Image -> vehicle and camera: ten vehicles, three cameras, three images each."""


def write_cityflow_reid(root: Path) -> None:
    """Write CityFlow-ReID as downloaded: numbered names that begin again in each folder, withheld test identities."""
    queries, gallery = ([f"{place:06d}.jpg" for place in range(1, count + 1)] for count in (2, 5))
    for split, names in (("train", list(CITYFLOW_TRAIN)), ("query", queries), ("test", gallery)):
        for name in names:
            write_image(root / f"image_{split}" / name)
        write_lines(root / f"name_{split}.txt", names)
    labels = {name: {"vehicleID": vehicle, "cameraID": camera} for name, (vehicle, camera) in CITYFLOW_TRAIN.items()}
    write_labels(root / "train_label.xml", labels)
    write_labels(root / "query_label.xml", {name: {"cameraID": "c006"} for name in queries})
    write_labels(root / "test_label.xml", {name: {"cameraID": "c007"} for name in gallery})
    write_lines(root / "train_track.txt", ["000001.jpg 000002.jpg 000003.jpg ", "000004.jpg "])
    write_lines(root / "test_track.txt", ["000001.jpg 000002.jpg ", "000003.jpg "])


WRITERS = {
    "veri776": write_veri776,
    "vehicleid": write_vehicleid,
    "vric": write_vric,
    "veri_wild": write_veri_wild,
    "cityflow_reid": write_cityflow_reid,
}
"""Data set, as in `params.yaml` -> what writes its miniature."""


def raw(dataset: str, root: Path) -> Path:
    """Where a data set's files lie below the folder that a stage gets as its root."""
    return Workspace(root, dataset).path("raw")


def prepared(dataset: str, root: Path) -> tuple[ImageStore, list[str]]:
    """Run the stage `prepare` below `root` with the project's own parameters.

    Args:
        dataset: A key of `overrides` in `params.yaml`.
        root: Where the miniature lies, see `raw`, and the outputs go.

    Returns:
        The image store, and the lines the stage said.
    """
    shutil.copy(PROJECT / "params.yaml", root)
    lines = run_stage(prepare, root, dataset=dataset).splitlines()
    return ImageStore(Workspace(root, dataset).path("images")), lines
