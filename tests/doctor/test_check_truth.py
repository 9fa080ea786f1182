"""The doctor on ground truth: what `prepare` refuses of it is found before."""

import json
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from pipeline.datasets.adapters import PrepareParams
from pipeline.doctor.check import check_data_set
from pipeline.doctor.findings import Finding
from pipeline.store import params

PARAMS = Path(__file__).parents[2] / "params.yaml"
NAMES = ("a.png", "b.png")
SIZE = (20, 30)
RENDERED: dict[str, Any] = {"ground_truth": "truth.h5"}
POLYGONS: dict[str, Any] = {"view_polygons": {"file": "parts.json", "images": ".", "views": {"hood": "front"}}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A table of two images, with ground truth of both kinds."""
    for seed, name in enumerate(NAMES):
        pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
        cv2.imwrite(str(tmp_path / name), pixels)
    rows = "".join(f"{name},extra,,,front\n" for name in NAMES)
    (tmp_path / "images.csv").write_text(f"path,split,vehicle_id,camera_id,viewpoint\n{rows}")
    write_rendered(tmp_path)
    write_polygons(tmp_path)
    return tmp_path


def write_rendered(root: Path, size: tuple[int, int] = SIZE, value: int = 3, **changed: Any) -> None:
    data = cv2.imencode(".png", np.full(size, value, np.uint8))[1].ravel()
    content = {
        "path": np.array([name.encode() for name in NAMES]),
        "azimuth": np.zeros(2, np.float32),
        "labels": np.tile(data, 2),
        "labels_offsets": np.arange(3) * len(data),
        **changed,
    }
    with h5py.File(root / "truth.h5", "w") as file:
        for name, values in content.items():
            file[name] = values


def write_polygons(root: Path, **changed: Any) -> None:
    hood = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "segmentation": [[0, 0, 9, 0, 9, 9]]}
    image = {"id": 1, "file_name": "a.png", "width": SIZE[1], "height": SIZE[0]}
    image, hood = ({key: changed.get(key, value) for key, value in item.items()} for item in (image, hood))
    content = {"images": [image], "annotations": [hood], "categories": [{"id": 1, "name": "hood"}]}
    (root / "parts.json").write_text(json.dumps(content))


def truth_findings(root: Path, source: dict[str, Any], *, skip: bool = False) -> list[Finding]:
    section = params.read(PARAMS)["prepare"]
    limits = {"max_pixels": 2_000, "min_side": 8, "on_bad_image": "skip" if skip else "stop"}
    values = params.build(PrepareParams, section | {"adapter": "table", "limits": limits} | source, "prepare")
    return [finding for finding in check_data_set(root, values).findings if finding.section == "truth"]


@pytest.mark.parametrize("source", [{}, RENDERED, POLYGONS])
def test_whole_ground_truth_and_none_are_no_findings(root: Path, source: dict[str, Any]) -> None:
    assert truth_findings(root, source) == []


@pytest.mark.parametrize(("source", "file"), [(RENDERED, "truth.h5"), (POLYGONS, "parts.json")])
def test_a_missing_or_damaged_file_is_an_error_that_names_it(root: Path, source: dict[str, Any], file: str) -> None:
    (root / file).write_bytes(b"text")
    (damaged,) = truth_findings(root, source)
    (root / file).unlink()
    (missing,) = truth_findings(root, source)
    assert {(finding.level, finding.what) for finding in (damaged, missing)} == {
        ("error", "ground truth that cannot be used")
    }
    assert file in damaged.examples[0]
    assert file in missing.examples[0]


def test_rendered_truth_that_lacks_an_image_or_is_cut_short_is_an_error(root: Path) -> None:
    write_rendered(root, path=np.array([b"a.png", b"c.png"]))
    (finding,) = truth_findings(root, RENDERED)
    assert "no ground truth of 1 images of the table, for example b.png" in finding.examples[0]
    (root / "b.png").write_bytes(b"")
    assert truth_findings(root, RENDERED, skip=True) == []
    write_rendered(root, azimuth=np.zeros(1))
    (finding,) = truth_findings(root, RENDERED)
    assert "truth.h5: expected 2 azimuths and 3 labels_offsets, got 1 and 3" in finding.examples[0]


def test_label_maps_that_fit_no_image_are_errors_and_counted(root: Path) -> None:
    for changed in ({"size": (30, 20)}, {"value": 7}, {"labels": np.zeros(9, np.uint8)}):
        write_rendered(root, **changed)
        (finding,) = truth_findings(root, RENDERED)
        assert (finding.level, finding.count) == ("error", 2)
        assert finding.examples[0].startswith("a.png: expected")


def test_polygons_that_prepare_refuses_are_errors(root: Path) -> None:
    write_polygons(root, segmentation=[[0, 0, 9, 9]])
    (finding,) = truth_findings(root, POLYGONS)
    assert "annotation 5: expected segmentation as lists of x, y" in finding.examples[0]
    write_polygons(root, width=31)
    (finding,) = truth_findings(root, POLYGONS)
    assert finding.examples == ("a.png: expected polygons of 30 x 20 pixels, got 31 x 20",)
    views = {"file": "parts.json", "images": ".", "views": {"hood": "top"}}
    (finding,) = truth_findings(root, {"view_polygons": views})
    assert "prepare.view_polygons.views.hood: expected" in finding.examples[0]


def test_polygons_of_no_image_are_a_warning(root: Path) -> None:
    write_polygons(root, file_name="other.png")
    (finding,) = truth_findings(root, POLYGONS)
    assert (finding.level, finding.examples) == ("warning", ("other.png",))
