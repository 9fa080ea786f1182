import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from tiny_run import invoke

from pipeline.artifacts.truth import read_view_labels
from pipeline.datasets import adapters
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import PART_CLASSES
from stages.prepare import prepare

SECTION = {
    "adapter": "veri776",
    "table": {"file": "images.csv"},
    "vehicleid": {"test_sets": {}},
    "veri_wild": {"test_sets": {}},
    "cityflow_reid": {"local_share": 0, "local_seed": 0, "train_on_test": False},
    "frames": {
        "sequences": {},
        "vehicle": None,
        "crops": {"labels": [], "score_above": 0, "least_side": 8, "every": 1, "margin": 0, "quality": None},
    },
    "viewpoints": [],
    "limits": {"max_pixels": 10_000, "min_side": 8, "on_bad_image": "stop"},
    "parts": None,
    "ground_truth": None,
    "view_polygons": None,
}
PARTS = {"file": "parts.json", "images": ".", "categories": {"wheel": "wheel", "hood": None}}
POLYGONS = {"file": "parts.json", "images": ".", "views": {"wheel": "other", "hood": "front"}}
SHOP = {"adapter": "table", "parts": PARTS, "view_polygons": POLYGONS}
IMAGES, TRUTH = "data/images/shop.h5", "data/truth/shop.h5"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A data set of three photographs as a shop might keep them."""
    folder = tmp_path / "data" / "raw" / "shop"
    folder.mkdir(parents=True)
    for name in "abc":
        cv2.imwrite(str(folder / f"{name}.png"), np.full((20, 40, 3), ord(name), np.uint8))
    (folder / "images.csv").write_text(
        "path,split,vehicle_id,camera_id,viewpoint,street\na.png,train,1,c1,front,x\nb.png,query,2,c1,,x\n"
        "c.png,gallery,2,c2,4,y\n"
    )
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 20, 10], "segmentation": [[0, 0, 20, 0, 20, 10]]},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [30, 0, 9, 9], "segmentation": [[30, 0, 39, 0, 39, 9]]},
    ]
    images = [{"id": 1, "file_name": "a.png", "width": 40, "height": 20}]
    categories = [{"id": 1, "name": "wheel"}, {"id": 2, "name": "hood"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "parts.json").write_text(json.dumps(content))
    return folder


def run(source: Path, override: dict[str, object]) -> Result:
    root = source.parents[2]
    document = {"prepare": SECTION, "overrides": {"shop": {"prepare": override}}}
    (root / "params.yaml").write_text(json.dumps(document))  # JSON is YAML
    return invoke(prepare, root, dataset="shop")


def test_a_data_set_of_ones_own_needs_parameters_and_no_code(source: Path, tmp_path: Path) -> None:
    result = run(source, SHOP)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "shop: 1 images have no viewpoint",
        "shop: 1 part boxes on 1 images",
        f"shop: 3 images, 0 left out -> {tmp_path / IMAGES}",
    ]
    store = ImageStore(tmp_path / IMAGES)
    assert list(store.splits) == ["train", "query", "gallery"]
    assert list(store.groups["street"]) == ["x", "x", "y"]
    parts = store.parts(0)
    assert parts is not None
    assert [PART_CLASSES[label] for label in parts.labels] == ["wheel"]
    with hdf5.Cache(tmp_path / TRUTH, "truth/1", store.digest) as truth:
        labels = read_view_labels(truth, 0)
    assert labels is not None
    assert (labels[2, 10], labels[2, 36]) == (4, 1)


def test_a_table_of_viewpoints_joins_those_of_the_adapter(source: Path, tmp_path: Path) -> None:
    (source / "views.csv").write_text("image,viewpoint\na.png,front\nb.png,side\nc.png,front\n")
    result = run(source, SHOP | {"viewpoints": ["views.csv"]})
    assert result.exit_code == 0, result.output
    assert list(ImageStore(tmp_path / IMAGES).viewpoints) == [0, 2, -1]
    assert result.output.splitlines()[:2] == [
        "shop: 1 images have contradictory viewpoints and count as unlabelled, for example c.png",
        "shop: 1 images have no viewpoint",
    ]


def test_running_again_writes_the_same_bytes(source: Path, tmp_path: Path) -> None:
    written = []
    for _ in range(2):
        assert run(source, SHOP).exit_code == 0
        written.append([(tmp_path / name).read_bytes() for name in (IMAGES, TRUTH)])
    assert written[0] == written[1]


def test_a_label_given_while_the_stage_runs_fails_it(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "views.csv").write_text("image,viewpoint\na.png,front\n")
    original = adapters.read_truth

    def labelled_meanwhile(*arguments: object) -> object:
        with open(source / "views.csv", "a") as stream:
            stream.write("b.png,side\n")
        return original(*arguments)

    monkeypatch.setattr("stages.prepare.read_truth", labelled_meanwhile)
    result = run(source, SHOP | {"viewpoints": ["views.csv"]})
    assert result.exit_code == 1
    assert f"{source} was edited while this stage ran" in result.output
    monkeypatch.setattr("stages.prepare.read_truth", original)
    assert run(source, SHOP | {"viewpoints": ["views.csv"]}).exit_code == 0


def test_a_pipe_among_the_files_is_refused_by_name(source: Path) -> None:
    os.mkfifo(source / "more.csv")
    result = run(source, SHOP)
    assert result.exit_code == 1
    assert "more.csv: expected a regular file, got a pipe" in result.output


def test_a_damaged_image_stops_the_stage_with_path_and_reason(source: Path, tmp_path: Path) -> None:
    (source / "b.png").write_bytes((source / "b.png").read_bytes()[:60])
    result = run(source, SHOP)
    assert result.exit_code == 1
    assert "1 unusable images: b.png: not an image OpenCV can decode" in result.output
    assert not (tmp_path / IMAGES).exists()


def test_a_damaged_image_is_left_out_and_named_when_asked(source: Path, tmp_path: Path) -> None:
    (source / "a.png").write_bytes(b"")
    result = run(source, SHOP | {"limits": {"on_bad_image": "skip"}})
    assert result.exit_code == 0, result.output
    assert "shop: left out a.png: the file is empty" in result.output
    assert "2 images, 1 left out" in result.output
    with hdf5.Cache(tmp_path / TRUTH, "truth/1", ImageStore(tmp_path / IMAGES).digest) as truth:
        assert truth.header.notes["views"] is False


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            SHOP | {"adapter": "veri"},
            "prepare.adapter: expected one of table, frames, veri776, vehicleid, vric, veri_wild",
        ),
        (SHOP | {"ground_truth": "t.h5"}, "give ground_truth or view_polygons, not both"),
        (SHOP | {"table": {"file": "absent.csv"}}, "absent.csv"),
        (SHOP | {"parts": {"file": "parts.json", "images": None}}, "prepare.parts: key 'categories' is missing"),
        (SHOP | {"viewpoints": "views.csv"}, "prepare.viewpoints: expected a list, got 'views.csv'"),
        (SHOP | {"viewpoints": ["absent.csv"]}, "absent.csv"),
        ({"adapter": "veri776"}, "_label.xml"),
    ],
)
def test_a_wrong_parameter_is_named_in_one_line(source: Path, override: dict[str, object], message: str) -> None:
    result = run(source, override)
    assert result.exit_code == 1
    assert message in result.output
    assert result.output.count("\n") == 1


def test_an_absent_folder_is_named(source: Path) -> None:
    shutil.rmtree(source)
    assert f"{source}: no such folder" in run(source, SHOP).output
