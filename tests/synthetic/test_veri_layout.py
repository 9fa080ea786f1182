import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import cv2
import h5py
import numpy as np
import pytest

from pipeline.datasets.sources import veri776
from pipeline.store.vocabulary import PART_CLASSES, VIEWPOINTS
from pipeline.synthetic.fleet import FleetParams, draw_fleet
from pipeline.synthetic.specs import COLORS, TYPE_NAMES

NAME = re.compile(r"^(\d{4})_c(\d{3})_(\d{8})_\d+\.jpg$")


def names(fleet: Path, split: str) -> list[str]:
    return (fleet / f"name_{split}.txt").read_text().splitlines()


def identity(name: str) -> tuple[str, str]:
    match = NAME.match(name)
    assert match, name
    return match[1], match[2]


def test_name_lists_hold_the_pictures_of_their_folders_in_order(fleet: Path, small: FleetParams) -> None:
    for split in ("train", "query", "test"):
        listed = names(fleet, split)
        assert listed == sorted(listed) == sorted(path.name for path in (fleet / f"image_{split}").iterdir())
    assert len(names(fleet, "train")) == small.train_vehicles * small.images_per_vehicle
    assert len(names(fleet, "test")) == small.test_vehicles * small.images_per_vehicle
    assert len(names(fleet, "query")) == small.test_vehicles * small.query_per_vehicle


def test_every_query_is_in_the_gallery_too_byte_for_byte(fleet: Path) -> None:
    for name in names(fleet, "query"):
        assert (fleet / "image_query" / name).read_bytes() == (fleet / "image_test" / name).read_bytes()


def test_train_and_test_vehicles_differ_and_each_is_seen_by_several_cameras(fleet: Path, small: FleetParams) -> None:
    train, test = ({identity(name)[0] for name in names(fleet, split)} for split in ("train", "test"))
    assert train.isdisjoint(test)
    for split in ("train", "test"):
        pairs = {identity(name) for name in names(fleet, split)}
        assert set(Counter(vehicle for vehicle, _ in pairs).values()) == {small.cameras_per_vehicle}


@pytest.mark.parametrize(("split", "root_tag"), [("train", "TrainingImages"), ("test", "TestImages")])
def test_label_files_agree_with_the_names(fleet: Path, split: str, root_tag: str) -> None:
    text = (fleet / f"{split}_label.xml").read_text(encoding="ascii")
    head, _, body = text.partition("\n")
    assert head == '<?xml version="1.0" encoding="gb2312"?>'
    root = ElementTree.fromstring(body)
    assert root.tag == root_tag
    (items,) = root
    assert items.get("number") == str(len(items))
    assert [item.get("imageName") for item in items] == names(fleet, split)
    for item in items:
        assert list(item.keys()) == ["imageName", "vehicleID", "cameraID", "colorID", "typeID", "twinID"]
        vehicle, camera = identity(item.attrib["imageName"])
        assert (item.get("vehicleID"), item.get("cameraID")) == (vehicle, f"c{camera}")
        assert 1 <= int(item.attrib["colorID"]) <= len(COLORS)
        assert 1 <= int(item.attrib["typeID"]) <= len(TYPE_NAMES)


def test_every_vehicle_carries_its_group_of_twins_into_the_table(fleet: Path, small: FleetParams) -> None:
    twins = {str(spec.vehicle_id).zfill(4): str(spec.twin_group) for spec in draw_fleet(small)}
    records = veri776.read(fleet).records
    assert {(record.vehicle_id, record.groups["twin"]) for record in records} == set(twins.items())
    assert max(Counter(twins.values()).values()) == small.twins_in_group


def test_good_and_junk_lists_follow_their_definition(fleet: Path) -> None:
    gallery = names(fleet, "test")
    good, junk = ((fleet / f"{kind}_index.txt").read_text().splitlines() for kind in ("gt", "jk"))
    assert len(good) == len(junk) == len(names(fleet, "query"))
    for query, good_line, junk_line in zip(names(fleet, "query"), good, junk, strict=True):
        vehicle, camera = identity(query)
        same = [(i + 1, identity(name)[1]) for i, name in enumerate(gallery) if identity(name)[0] == vehicle]
        assert [int(i) for i in good_line.split()] == [i for i, other in same if other != camera]
        assert [int(i) for i in junk_line.split()] == [i for i, other in same if other == camera]
        assert good_line


def test_each_picture_has_one_viewpoint_of_the_vocabulary(fleet: Path) -> None:
    with (fleet / "viewpoints.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == names(fleet, "train") + names(fleet, "test")
    assert {row["viewpoint"] for row in rows} <= set(VIEWPOINTS)


def test_part_boxes_lie_inside_their_pictures_and_hold_visible_pixels(fleet: Path) -> None:
    document = json.loads((fleet / "parts.json").read_text())
    assert [(row["id"], row["name"]) for row in document["categories"]] == list(enumerate(PART_CLASSES, 1))
    images = {row["id"]: row for row in document["images"]}
    for image in images.values():
        folder = "image_train" if image["file_name"] in names(fleet, "train") else "image_test"
        height, width = cv2.imread(str(fleet / folder / image["file_name"])).shape[:2]
        assert (image["width"], image["height"]) == (width, height)
    assert document["annotations"]
    for row in document["annotations"]:
        x, y, width, height = row["bbox"]
        image = images[row["image_id"]]
        assert x >= 0
        assert y >= 0
        assert x + width <= image["width"]
        assert y + height <= image["height"]
        assert 0 < row["area"] <= width * height
        assert row["iscrowd"] == 0
        assert 1 <= row["category_id"] <= len(PART_CLASSES)


def test_measurements_follow_the_pictures_and_their_label_maps_fit(fleet: Path) -> None:
    expected = [f"image_{split}/{name}" for split in ("train", "query", "test") for name in names(fleet, split)]
    with h5py.File(fleet / "ground_truth.h5") as file:
        assert [path.decode() for path in file["path"][:]] == expected
        offsets, data = file["labels_offsets"][:], file["labels"][:]
        azimuth, elevation = file["azimuth"][:], file["elevation"][:]
    assert (len(offsets), offsets[0], offsets[-1]) == (len(expected) + 1, 0, len(data))
    assert ((azimuth >= 0) & (azimuth < 360)).all()
    assert ((elevation > 1) & (elevation < 40)).all()
    for row, path in enumerate(expected):
        labels = cv2.imdecode(data[offsets[row] : offsets[row + 1]], cv2.IMREAD_UNCHANGED)
        assert labels.shape == cv2.imread(str(fleet / path)).shape[:2]
        assert set(np.unique(labels)) <= {0, 1, 2, 3, 4}
        assert (labels > 0).mean() > 0.25


def test_the_vehicle_table_names_every_vehicle_once(fleet: Path, small: FleetParams) -> None:
    with h5py.File(fleet / "ground_truth.h5") as file:
        table = {name: file["vehicles"][name][:] for name in file["vehicles"]}
    assert sorted(table) == ["body_type", "paint", "twin_group", "vehicle_id"]
    np.testing.assert_array_equal(table["vehicle_id"], np.arange(1, small.train_vehicles + small.test_vehicles + 1))
    assert {paint.decode() for paint in table["paint"]} <= set(COLORS)


def test_all_sixteen_part_classes_occur(tmp_path: Path, make_fleet: Callable[..., Path]) -> None:
    sides = {"shortest_long_side": 200, "longest_long_side": 260}
    fleet = make_fleet(tmp_path / "large", train_vehicles=6, test_vehicles=4, low_cameras=2, **sides)
    document = json.loads((fleet / "parts.json").read_text())
    assert {row["category_id"] for row in document["annotations"]} == set(range(1, len(PART_CLASSES) + 1))
