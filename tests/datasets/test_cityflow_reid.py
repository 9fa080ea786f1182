import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord, check_records, roles_by_test_set
from pipeline.datasets.sources import cityflow_reid
from pipeline.datasets.sources.cityflow_reid import CityFlowParams, local_split
from pipeline.foreground import samples as foreground_samples
from pipeline.parts import samples as part_samples
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.boxes import PartBoxes
from pipeline.store.images import ImageStore
from pipeline.store.params import build
from pipeline.views import samples as view_samples
from pipeline.views.labels import viewpoint_labels
from tests.datasets.miniatures import CITYFLOW_TRAIN, prepared, raw, write_cityflow_reid, write_image, write_lines

NO_SPLIT = CityFlowParams(0.0, 0, train_on_test=False)
SPLIT = CityFlowParams(0.3, 0, train_on_test=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_cityflow_reid(raw("cityflow_reid", tmp_path))
    return raw("cityflow_reid", tmp_path)


def training(*images: tuple[str, str]) -> list[ImageRecord]:
    return [ImageRecord(f"{place:02d}.jpg", "train", *image) for place, image in enumerate(images)]


def test_the_official_layout_becomes_one_table(root: Path) -> None:
    found = cityflow_reid.read(root, NO_SPLIT)
    check_records(found.records, "cityflow_reid")
    trained, tested = found.records[:90], found.records[90:]
    assert trained[3] == ImageRecord(
        "image_train/000004.jpg", "train", "0001", "c002", groups={"track": "train_track_2"}
    )
    assert [(record.vehicle_id, record.camera_id) for record in trained] == list(CITYFLOW_TRAIN.values())
    assert {(record.split, record.vehicle_id) for record in tested} == {("withheld", None)}
    assert [record.roles for record in tested] == [{"official": "query"}] * 2 + [{"official": "gallery"}] * 5
    assert [record.camera_id for record in tested] == ["c006"] * 2 + ["c007"] * 5
    assert [record.groups["track"] for record in tested[2:]] == ["test_track_1"] * 2 + ["test_track_2", "", ""]
    assert found.remarks == []


def test_lists_test_labels_and_tracks_may_be_absent(root: Path) -> None:
    expected = [record.path for record in cityflow_reid.read(root, NO_SPLIT).records]
    for pattern in ("name_*.txt", "*_track.txt"):
        for file in root.glob(pattern):
            file.unlink()
    found = cityflow_reid.read(root, NO_SPLIT)
    assert [record.path for record in found.records] == expected
    assert found.records[-1].camera_id == "c007"
    for name in ("query", "test"):
        (root / f"{name}_label.xml").unlink()
    found = cityflow_reid.read(root, NO_SPLIT)
    assert [record.path for record in found.records] == expected
    assert (found.records[-1].camera_id, found.records[-1].groups) == (None, {"track": ""})


def test_the_local_split_takes_whole_vehicles_and_is_named_last(root: Path) -> None:
    found = cityflow_reid.read(root, SPLIT)
    check_records(found.records, "cityflow_reid")
    assert list(roles_by_test_set(found.records)) == ["official", "local_split"]
    held_out = [record for record in found.records if "local_split" in record.roles]
    trained = {record.vehicle_id for record in found.records if record.split == "train"}
    assert len(trained) == 7
    assert trained.isdisjoint({record.vehicle_id for record in held_out})
    places = Counter((record.vehicle_id, record.camera_id, record.roles["local_split"]) for record in held_out)
    assert set(places.values()) == {1, 2}
    assert {place: count for place, count in places.items() if place[2] == "query"}.values() == pytest.approx([1] * 9)
    assert all(record.split == record.roles["local_split"] for record in held_out)
    assert "9 training images are the query of local_split" in found.remarks
    assert "18 training images are the gallery of local_split" in found.remarks


def test_the_local_split_depends_on_the_seed_and_not_on_the_order_of_files() -> None:
    records = training(
        *(((f"{vehicle:02d}", f"c{camera}")) for vehicle in range(20) for camera in (1, 2) for _ in "abc")
    )
    _, held_out = local_split(records, 0.3, 5)
    shuffled = random.Random(1).sample(records, len(records))
    assert local_split(shuffled, 0.3, 5)[1] == held_out
    assert local_split(records, 0.3, 6)[1] != held_out
    assert len({record.vehicle_id for record in held_out}) == 6


def test_a_cameras_only_image_is_both_and_a_vehicle_of_one_camera_is_gallery() -> None:
    records = training(("1", "c1"), ("1", "c2"), ("1", "c2"), ("2", "c1"), ("2", "c1"), ("3", "c9"))
    _, held_out = local_split(records, 0.7, 0)
    everything = {record.path: (record.split, record.roles["local_split"]) for record in held_out}
    _, rest = local_split(records, 0.7, 1)
    everything |= {record.path: (record.split, record.roles["local_split"]) for record in rest}
    assert everything["00.jpg"] == ("gallery", "both")
    assert sorted(everything[path][1] for path in ("01.jpg", "02.jpg")) == ["gallery", "query"]
    assert everything["03.jpg"] == everything["04.jpg"] == ("gallery", "gallery")


def test_a_share_of_zero_trains_on_every_vehicle(root: Path) -> None:
    found = cityflow_reid.read(root, NO_SPLIT)
    assert list(roles_by_test_set(found.records)) == ["official"]
    assert sum(record.split == "train" for record in found.records) == 90


@pytest.mark.parametrize(("share", "wanted"), [(-0.1, "0 or more"), (1.0, "a number below 1")])
def test_a_share_out_of_range_is_refused(share: float, wanted: str) -> None:
    with pytest.raises(ValueError, match=rf"local_share: expected {wanted}, got {share}"):
        build(CityFlowParams, {"local_share": share, "local_seed": 0, "train_on_test": False}, "prepare.cityflow_reid")


def test_a_training_image_without_a_label_is_named(root: Path) -> None:
    write_lines(root / "name_train.txt", ["000001.jpg", "000099.jpg", "000100.jpg"])
    with pytest.raises(
        ValueError, match=r"name_train\.txt, line 2: '000099\.jpg' and 1 more are not in .*train_label\.xml"
    ):
        cityflow_reid.read(root, NO_SPLIT)


def test_files_that_no_list_names_are_reported(root: Path) -> None:
    write_image(root / "image_query" / "000009.jpg")
    assert cityflow_reid.read(root, NO_SPLIT).remarks == ["1 files of image_query are not in name_query.txt"]


def test_it_is_prepared_with_the_projects_parameters(root: Path, tmp_path: Path) -> None:
    store, lines = prepared("cityflow_reid", tmp_path)
    assert list(store.roles) == ["official", "local_split"]
    assert Counter(store.roles["official"].tolist()) == {"": 90, "query": 2, "gallery": 5}
    assert Counter(store.roles["local_split"].tolist()) == {"": 70, "query": 9, "gallery": 18}
    assert set(store.vehicle_ids[store.splits == "withheld"]) == {""}
    assert lines[-1] == f"cityflow_reid: 97 images, 0 left out -> {tmp_path / 'data/images/cityflow_reid.h5'}"


def labelled_store(folder: Path, found: list[ImageRecord]) -> ImageStore:
    """The table as a store of distinct images, each of which shows a side and has a part annotated."""
    for number, record in enumerate(found):
        with open(raw("cityflow_reid", folder) / record.path, "ab") as stream:
            stream.write(bytes([number]))  # behind the picture
    part = PartBoxes(np.array([[0.2, 0.2, 0.6, 0.6]], np.float32), np.array([14], np.uint8))
    records = [replace(record, viewpoint="side", parts=part) for record in found]
    write_store(folder / "store.h5", records, raw("cityflow_reid", folder), ImageLimitsParams(10_000, 8, "stop"), "x")
    return ImageStore(folder / "store.h5")


@pytest.mark.parametrize("train_on_test", [False, True])
def test_nothing_is_trained_on_official_test_images_unless_asked_for(
    root: Path, tmp_path: Path, train_on_test: bool
) -> None:
    store = labelled_store(tmp_path, cityflow_reid.read(root, replace(SPLIT, train_on_test=train_on_test)).records)
    with hdf5_writer.create(tmp_path / "seeds.h5", hdf5.Header("grabcut/1", store.digest)) as cache:
        cache.array("failed", np.zeros(len(store), bool))
    trained = {
        "detector": part_samples.training_rows(store, 0)[0],
        "foreground": foreground_samples.training_rows(store, hdf5.Cache(tmp_path / "seeds.h5", "grabcut/1")),
        "SPAN": view_samples.training_rows(store, viewpoint_labels(store), None, 0),
    }
    official = np.flatnonzero(store.roles["official"] != "")
    assert len(official) == 7
    for network, rows in trained.items():
        assert np.isin(official, rows).tolist() == [train_on_test] * 7, network
    assert not set(store.rows("train")) & set(official)
