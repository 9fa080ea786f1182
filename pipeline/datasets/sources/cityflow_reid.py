"""CityFlow-ReID, track 2 of the AI City Challenge, in its official layout."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeInt

from pipeline.datasets.formats.lists import IMAGE_ENDINGS, read_lines, read_list, unlisted
from pipeline.datasets.formats.xml_labels import read_labels
from pipeline.datasets.held_out import hold_out
from pipeline.datasets.official import Benchmark, Size
from pipeline.datasets.records import Found, ImageRecord
from pipeline.store.params import parameters

BENCHMARK = Benchmark(  # its training split is not compared: the local split takes vehicles from it
    "CityFlow-ReID", {"official: query": Size(1_052, None), "official: gallery": Size(18_290, None)}
)


OFFICIAL = "official"
"""Test set whose identities the organisers withhold."""

LOCAL = "local_split"
"""Test set held out of the training vehicles."""

TEST_ROLES: dict[str, str] = {"query": "query", "test": "gallery"}
"""Suffix of ``image_``, ``name_`` and ``_label`` -> role of its images."""


@parameters
class CityFlowParams:
    """`prepare.cityflow_reid`."""

    local_share: Annotated[float, Field(ge=0, lt=1)]
    """Share of the training vehicles held out for the test set `LOCAL`, 0 <= share < 1; 0: none."""
    local_seed: NonNegativeInt
    """Seed of the choice of vehicles and queries."""
    train_on_test: bool
    """Train the foreground network, and where they have labels detector and SPAN, on the official test images too; the
    challenge's figures are then of models that have seen its images. Re-ID never is trained on them."""


def read(root: Path, values: CityFlowParams) -> Found:
    """Read CityFlow-ReID's labels, lists and tracks, and hold a test set out of its training vehicles.

    Identities of the official test images are withheld: such is their split (or `extra`, with `train_on_test`), and
    they are query or gallery of the test set `OFFICIAL`. The lists ``name_*.txt``, ``query_label.xml``,
    ``test_label.xml`` (cameras alone) and the tracks are read where they are; without a list the labels or else the
    folder tell which images there are.

    Args:
        root: Folder that holds ``image_train``, ``train_label.xml`` and so on.
        values: The local split, see `local_split`, and what may be trained on.

    Returns:
        Training images, official queries, official gallery and the held-out images, whose test set is named last,
        with the group `track` (list and line, "" where unknown).

    Raises:
        FileNotFoundError: ``train_label.xml`` does not exist.
        ValueError: A file is ill-formed, or a listed training image has no label.
    """
    labelled, remarks = _training_images(root)
    trained, held_out = local_split(labelled, values.local_share, values.local_seed)
    official: list[ImageRecord] = []
    for name, role in TEST_ROLES.items():
        found = _official_images(root, name, role, "extra" if values.train_on_test else "withheld")
        official += found
        remarks += unlisted(root, f"image_{name}", "*", {record.path for record in found}, f"name_{name}.txt")
    for role in ("query", "gallery"):
        count = sum(record.split == role for record in held_out)
        remarks += [f"{count} training images are the {role} of {LOCAL}"] if count else []
    return Found([*trained, *official, *held_out], remarks)


def local_split(records: Sequence[ImageRecord], share: float, seed: int) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Hold a test set out of the training vehicles: no vehicle is both trained on and tested with.

    Queries and gallery are chosen as `pipeline.datasets.held_out.hold_out` does.

    Args:
        records: Training images with vehicle and camera, in any order, which changes nothing.
        share: Share of the vehicles to hold out.
        seed: Seed of the choice of vehicles and queries.

    Returns:
        The images left to train on, in their order, and those held out, by path.
    """
    vehicles = sorted({str(record.vehicle_id) for record in records})
    random = np.random.default_rng(seed)
    chosen = random.choice(len(vehicles), round(share * len(vehicles)), replace=False)
    held_out = [vehicles[place] for place in sorted(chosen)]
    trained = [record for record in records if record.vehicle_id not in set(held_out)]
    return trained, hold_out(records, held_out, LOCAL, random)


def _training_images(root: Path) -> tuple[list[ImageRecord], list[str]]:
    path, listing = root / "train_label.xml", root / "name_train.txt"
    labels = read_labels(path, ("vehicleID", "cameraID"))
    names, remarks = list(labels), []
    if listing.exists():
        images = read_list(listing, "NAME")
        lacking = [name for name in images.fields if name not in labels]
        if lacking:
            raise ValueError(
                f"{images.where(lacking[0])}: {lacking[0]!r} and {len(lacking) - 1} more are not in {path}"
            )
        names, remarks = list(images.fields), images.remarks
    tracks = _tracks(root / "train_track.txt")
    records = [
        ImageRecord(
            path=f"image_train/{name}",
            split="train",
            vehicle_id=labels[name]["vehicleID"],
            camera_id=labels[name]["cameraID"],
            groups={"track": tracks.get(name, "")},
        )
        for name in names
    ]
    return records, remarks + unlisted(root, "image_train", "*", {record.path for record in records}, "name_train.txt")


def _official_images(root: Path, name: str, role: str, split: str) -> list[ImageRecord]:
    label_file = root / f"{name}_label.xml"
    labels = read_labels(label_file, ("cameraID",)) if label_file.exists() else {}
    tracks = _tracks(root / f"{name}_track.txt")
    return [
        ImageRecord(
            path=f"image_{name}/{image}",
            split=split,
            camera_id=labels[image]["cameraID"] if image in labels else None,
            groups={"track": tracks.get(image, "")},
            roles={OFFICIAL: role},
        )
        for image in _official_names(root, name, labels)
    ]


def _official_names(root: Path, name: str, labels: Mapping[str, object]) -> list[str]:
    listing, folder = root / f"name_{name}.txt", root / f"image_{name}"
    if listing.exists():
        return list(read_list(listing, "NAME").fields)
    if labels or not folder.is_dir():
        return list(labels)
    return sorted(file.name for file in folder.iterdir() if file.name.lower().endswith(IMAGE_ENDINGS))


def _tracks(path: Path) -> dict[str, str]:
    """Image -> its track, a line of image names; empty where there is no file."""
    if not path.exists():
        return {}
    return {name: f"{path.stem}_{line}" for line, text in read_lines(path) for name in text.split()}
