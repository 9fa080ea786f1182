import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML
from tiny_run import PROJECT, invoke, run_stage

from pipeline.datasets.sources import table
from pipeline.datasets.sources.table import TableParams
from pipeline.doctor.crops import SHEET, TABLE
from pipeline.store.decoding import decode
from pipeline.store.images import ImageStore
from pipeline.store.params import merge, read
from pipeline.store.places import Workspace
from stages.check import check
from stages.crop import crop
from stages.prepare import prepare
from tests.datasets.filmed import COLOURS, write_mot, write_pictures

SEQUENCE = {"pictures": "img", "boxes": "gt.txt", "format": "mot", "camera": "c1", "use": "gallery"}
PREPARE: dict[str, Any] = {
    "adapter": "frames",
    "frames": {"vehicle": "track", "sequences": {"gate": SEQUENCE}, "crops": {"margin": 0.0, "quality": None}},
    "limits": {"min_side": 8},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace whose data set `street` is a filmed one."""
    document = read(PROJECT / "params.yaml")
    document["overrides"]["street"] = {"prepare": PREPARE}
    with open(tmp_path / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    write_pictures(tmp_path / "data/raw/street/img")
    write_mot(tmp_path / "data/raw/street/gt.txt")
    return tmp_path


def test_crops_are_written_with_their_table_and_a_sheet_to_look_at(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = invoke(crop, root, "--output", output, dataset="street")
    assert result.exit_code == 0, result.output
    assert f"{output}: 8 crops of 2 tracks; look at {output / SHEET}" in result.output
    found = table.read(output, TableParams(TABLE))
    assert [record.path for record in found.records[:2]] == ["gate/000001_01.png", "gate/000001_02.png"]
    assert found.records[1].groups == {"frame": "000001", "label": "", "track": "gate/2"}
    for record in found.records:
        image = decode((output / record.path).read_bytes())
        assert (image == COLOURS[str(record.vehicle_id)]).all()
    sheet = np.asarray(Image.open(output / SHEET))
    assert sheet.shape == (150, 8 * 120, 3)
    assert np.abs(sheet[60, 60].astype(int) - COLOURS["1"]).max() < 30


def test_what_prepare_packs_is_what_was_shown(root: Path, tmp_path: Path) -> None:
    assert invoke(crop, root, "--output", tmp_path / "out", dataset="street").exit_code == 0
    run_stage(prepare, root, dataset="street")
    store = ImageStore(Workspace(root, "street").path("images"))
    with open(tmp_path / "out" / TABLE, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert store.paths.tolist() == [row["path"] for row in rows]
    assert store.groups["track"].tolist() == [row["track"] for row in rows]
    for row, path in enumerate(store.paths):
        assert store.encoded(row) == (tmp_path / "out" / path).read_bytes()
    assert store.roles["test"].tolist() == ["gallery"] * 8


def test_a_frame_that_is_damaged_is_named_by_its_crops(root: Path) -> None:
    (root / "data/raw/street/img/000002.png").write_bytes(cv2.imencode(".png", np.zeros((90, 120), np.uint8))[1][:60])
    result = invoke(prepare, root, dataset="street")
    assert result.exit_code == 1
    assert "2 unusable images: gate/000002_01.png: " in result.output, result.output
    assert "000002.png: not an image OpenCV can decode" in result.output
    assert invoke(check, root, dataset="street").exit_code == 1


def test_only_frames_are_cropped_and_no_other_folder_is_replaced(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    result = invoke(crop, root, "--output", tmp_path / "mine", dataset="street")
    assert result.exit_code == 1
    assert "expected a new folder, or one of earlier crops to replace" in result.output
    assert (tmp_path / "mine/letter.txt").exists()
    for _ in range(2):
        assert invoke(crop, root, "--output", tmp_path / "again", dataset="street").exit_code == 0
    result = invoke(crop, root, "--output", tmp_path / "no", dataset="synthetic")
    assert "prepare.adapter: expected frames for synthetic, got 'veri776'" in result.output
    assert not (tmp_path / "no").exists()


def test_what_a_user_put_beside_the_crops_is_not_deleted(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert invoke(crop, root, "--output", output, dataset="street").exit_code == 0
    for name in ("viewpoints.csv", "mine/notes.txt"):
        own = output / name
        own.parent.mkdir(exist_ok=True)
        own.write_text("by hand")
        result = invoke(crop, root, "--output", output, dataset="street")
        assert result.exit_code == 1
        assert f"{own}: expected crops of {output / TABLE} alone" in result.output
        assert own.read_text() == "by hand"
        own.unlink()
    assert invoke(crop, root, "--output", output, dataset="street").exit_code == 0


def test_a_data_set_without_boxes_to_cut_out_says_so(root: Path, tmp_path: Path) -> None:
    document = read(root / "params.yaml")
    document["overrides"]["street"] = merge(
        document["overrides"]["street"], {"prepare": {"frames": {"crops": {"labels": ["bus"]}}}}
    )
    with open(root / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    result = invoke(crop, root, "--output", tmp_path / "out", dataset="street")
    assert result.exit_code == 1
    assert "street: gate: 8 boxes of other classes are left out" in result.output
    assert "none of the boxes is to be cut out: see prepare.frames.crops" in result.output
