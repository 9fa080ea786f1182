from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.datasets.frames.crops import CropParams, open_crops
from pipeline.datasets.records import ImageRecord, check_records
from pipeline.datasets.sources import frames
from pipeline.datasets.sources.frames import FramesParams, SequenceParams
from pipeline.store.decoding import decode
from tests.datasets.filmed import COLOURS, TAKEN, write_cvat_video, write_mot, write_pictures, write_video


def sequence(
    use: str = "both", boxes: str = "one/gt.txt", kind: str = "mot", pictures: str = "one/img"
) -> SequenceParams:
    return SequenceParams(pictures=pictures, boxes=boxes, format=kind, camera=None, use=use)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of pictures with MOTChallenge's text, and a video with CVAT's XML."""
    write_pictures(tmp_path / "one/img")
    write_mot(tmp_path / "one/gt.txt")
    write_video(tmp_path / "two.avi")
    write_cvat_video(tmp_path / "two.xml")
    return tmp_path


ONE = {"one": sequence()}
TWO = ONE | {"two": SequenceParams(pictures="two.avi", boxes="two.xml", format="cvat", camera="c9", use="query")}


def test_boxes_of_pictures_and_videos_become_one_table_with_tracks(root: Path) -> None:
    found = frames.read(root, FramesParams(sequences=TWO, vehicle=None, crops=TAKEN))
    check_records(found.records, "frames")
    assert found.records[1] == ImageRecord(
        "one/000001_02.png",
        "withheld",
        camera_id="one",
        groups={"frame": "000001", "label": "", "track": "one/2"},
        roles={"test": "both"},
    )
    assert [record.path for record in found.records[8:10]] == ["two/000001_01.png", "two/000001_02.png"]
    assert {(record.camera_id, record.roles["test"]) for record in found.records[8:]} == {("c9", "query")}
    assert Counter(record.groups["track"] for record in found.records) == {
        f"{name}/{track}": 4 for name in ("one", "two") for track in COLOURS
    }
    assert found.remarks == []


def test_a_crop_holds_its_vehicle_and_nothing_else(root: Path) -> None:
    found = frames.read(root, FramesParams(sequences=ONE, vehicle=None, crops=TAKEN))
    for record in found.records:
        crop = decode(found.contents[record.path]())
        track = record.groups["track"].removeprefix("one/")
        assert crop.shape == ((20, 30, 3) if track == "1" else (28, 24, 3))
        assert (crop == COLOURS[track]).all()


def test_a_margin_grows_each_side_and_ends_at_the_frame(root: Path) -> None:
    write_mot(root / "one/gt.txt", [])
    (root / "one/gt.txt").write_text("1,1,20,30,40,20\n1,2,-5,80,30,40\n")
    chosen = open_crops(root / "one/img", root / "one/gt.txt", "mot", replace(TAKEN, margin=0.25))
    assert [crop.window for crop in chosen.crops] == [(10, 25, 70, 55), (0, 70, 32, 90)]


@pytest.mark.parametrize(
    ("changes", "kept", "remark"),
    [
        ({"every": 2}, 4, "one: 4 boxes of frames not used are left out"),
        ({"labels": ("bus",)}, 0, "one: 8 boxes of other classes are left out"),
        ({"score_above": 0.9}, 0, "one: 8 boxes with a score of 0.9 or less are left out"),
        ({"least_side": 22}, 4, "one: 4 boxes with less than 22 pixels a side are left out"),
    ],
)
def test_boxes_left_out_are_counted_with_the_reason(
    root: Path, changes: dict[str, object], kept: int, remark: str
) -> None:
    found = frames.read(root, FramesParams(sequences=ONE, vehicle=None, crops=replace(TAKEN, **changes)))
    assert len(found.records) == kept
    assert found.remarks == [remark]


def test_a_jpeg_is_written_at_the_quality_asked_for(root: Path) -> None:
    sizes = []
    for quality in (20, 95):
        crop = open_crops(root / "one/img", root / "one/gt.txt", "mot", replace(TAKEN, quality=quality)).crops[0]
        assert crop.name == "000001_01.jpg"
        assert cv2.imdecode(np.frombuffer(crop(), np.uint8), cv2.IMREAD_COLOR).shape == (20, 30, 3)
        sizes.append(len(crop()))
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    ("vehicle", "use", "splits"),
    [
        ("track", "train", {("1", "train"): 4, ("2", "train"): 4}),
        ("track", "gallery", {("1", "gallery"): 4, ("2", "gallery"): 4}),
        ("plate", "query", {("P1", "query"): 4, ("P2", "query"): 4}),
        ("owner", "gallery", {(None, "extra"): 8}),
        (None, "extra", {(None, "extra"): 8}),
    ],
)
def test_what_names_a_vehicle_decides_what_its_crops_are_for(
    root: Path, vehicle: str | None, use: str, splits: dict[tuple[str | None, str], int]
) -> None:
    one = {"two": sequence(use, "two.xml", "cvat", "two.avi")}
    found = frames.read(root, FramesParams(sequences=one, vehicle=vehicle, crops=TAKEN))
    check_records(found.records, "frames")
    assert Counter((record.vehicle_id, record.split) for record in found.records) == splits
    assert all(bool(record.roles) == (record.split in ("query", "gallery")) for record in found.records)
    named = ["8 boxes have no owner, so that their vehicle is unknown"]
    assert found.remarks == (named if vehicle == "owner" else [])


def test_what_cannot_be_is_refused(root: Path) -> None:
    for sequences, message in (
        ({}, "expected at least one sequence of frames, got none"),
        ({"one": sequence("train")}, r"sequences\.one: use: train needs vehicles; prepare\.frames\.vehicle is null"),
        ({"one": sequence(boxes="../gt.txt")}, r"path '\.\./gt\.txt' must stay inside"),
    ):
        with pytest.raises(ValueError, match=message):
            frames.read(root, FramesParams(sequences=sequences, vehicle=None, crops=TAKEN))
    with pytest.raises(FileNotFoundError, match=r"none\.txt: no such file of boxes \(mot\)"):
        frames.read(root, FramesParams(sequences={"one": sequence(boxes="none.txt")}, vehicle=None, crops=TAKEN))


def test_a_box_said_twice_is_refused_by_its_line_and_one_that_differs_is_not(root: Path) -> None:
    lines = (root / "one/gt.txt").read_text().splitlines()
    moved = lines[0].replace(",30,20,", ",31,20,")
    (root / "one/gt.txt").write_text("\n".join([*lines, moved]) + "\n")
    assert len(open_crops(root / "one/img", root / "one/gt.txt", "mot", TAKEN).crops) == 9
    (root / "one/gt.txt").write_text("\n".join([*lines, lines[0]]) + "\n")
    with pytest.raises(ValueError, match=r"gt\.txt, line 9: expected each box once, .* copy of that at .*line 1$"):
        open_crops(root / "one/img", root / "one/gt.txt", "mot", TAKEN)


def test_boxes_drawn_on_frames_of_another_size_are_refused(root: Path) -> None:
    text = (root / "two.xml").read_text()
    (root / "two.xml").write_text(text.replace("<width>120</width>", "<width>240</width>"))
    with pytest.raises(ValueError, match=r"two\.xml: track 1, frame 0: expected a frame of 240 x 90 pixels"):
        open_crops(root / "two.avi", root / "two.xml", "cvat", TAKEN)


def test_the_parameters_say_what_is_cut_out() -> None:
    with pytest.raises(ValueError, match="quality"):
        CropParams(labels=(), score_above=0.0, least_side=8, every=1, margin=0.0, quality=0)
