import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.datasets.frames import coco, cvat, mot, yolo
from pipeline.datasets.frames.boxes import FrameBox
from pipeline.datasets.frames.crops import FORMATS, BoxFormat
from pipeline.datasets.frames.footage import Footage, open_footage
from tests.datasets.filmed import (
    SCENE,
    coco_of_frames,
    write_coco,
    write_cvat_images,
    write_cvat_video,
    write_mot,
    write_pictures,
    write_video,
    write_yolo,
)
from tests.datasets.miniatures import write_lines


@pytest.fixture
def pictures(tmp_path: Path) -> Footage:
    return open_footage(write_pictures(tmp_path / "img"))


def seen(boxes: list[FrameBox]) -> list[tuple[int, str, tuple[int, ...]]]:
    """Frame, track and rounded left, top, width and height of each box, in a fixed order."""
    found = []
    for box in boxes:
        left, top, right, bottom = box.box
        found.append((box.place, box.track, tuple(round(value) for value in (left, top, right - left, bottom - top))))
    return sorted(found)


TRACKED = sorted((drawn.place, drawn.track, drawn.box) for drawn in SCENE)
UNTRACKED = sorted((drawn.place, "", drawn.box) for drawn in SCENE)


@pytest.mark.parametrize(
    ("kind", "write", "label"),
    [
        ("mot", write_mot, ""),
        ("coco", write_coco, "car"),
        ("yolo", write_yolo, "car"),
        ("cvat", write_cvat_video, "car"),
    ],
)
def test_every_format_gives_the_same_boxes_and_tracks(
    pictures: Footage, tmp_path: Path, kind: BoxFormat, write: Callable[[Path], Path], label: str
) -> None:
    boxes = FORMATS[kind](write(tmp_path / "boxes"), pictures)
    assert seen(boxes) == TRACKED
    assert {box.label for box in boxes} == {label}
    assert {box.score for box in boxes} <= {0.9, 1.0}


@pytest.mark.parametrize(("kind", "write"), [("mot", write_mot), ("yolo", write_yolo), ("cvat", write_cvat_video)])
def test_frames_of_a_video_are_the_same_as_those_of_a_folder(
    tmp_path: Path, kind: BoxFormat, write: Callable[[Path], Path]
) -> None:
    assert seen(FORMATS[kind](write(tmp_path / "boxes"), open_footage(write_video(tmp_path / "film.avi")))) == TRACKED


def test_cvats_images_are_named_and_have_no_tracks(pictures: Footage, tmp_path: Path) -> None:
    boxes = cvat.read(write_cvat_images(tmp_path / "boxes.xml"), pictures)
    assert seen(boxes) == UNTRACKED
    assert {box.size for box in boxes} == {(90, 120)}


def test_attributes_are_facts_of_a_box(pictures: Footage, tmp_path: Path) -> None:
    for boxes in (
        cvat.read(write_cvat_video(tmp_path / "boxes.xml"), pictures),
        coco.read(write_coco(tmp_path / "boxes.json"), pictures),
    ):
        assert {(box.track, box.facts["plate"]) for box in boxes} == {("1", "P1"), ("2", "P2")}


def test_a_mot_annotation_has_classes_and_flags_and_a_negative_track_is_none(pictures: Footage, tmp_path: Path) -> None:
    write_lines(tmp_path / "gt.txt", ["1,7,1,2,30,40,0,3,0.5", "2 -1 1 2 30 40 0.25"])
    first, second = mot.read(tmp_path / "gt.txt", pictures)
    assert (first.track, first.label, first.score, first.box) == ("7", "3", 0.0, (1.0, 2.0, 31.0, 42.0))
    assert (second.place, second.track, second.label, second.score) == (1, "", "", 0.25)


@pytest.mark.parametrize(
    ("ends", "track", "score"),
    [("", "", 1.0), (" 0.5", "", 0.5), (" {track}", "1", 1.0), (" 0.5 {track}", "1", 0.5)],
)
def test_a_sixth_field_of_yolo_is_a_track_where_all_are_whole(
    pictures: Footage, tmp_path: Path, ends: str, track: str, score: float
) -> None:
    boxes = yolo.read(write_yolo(tmp_path / "labels", ends), pictures)
    assert (boxes[0].track, boxes[0].score) == (track, score)


def test_pictures_are_found_by_the_number_in_their_names_whatever_it_begins_with(tmp_path: Path) -> None:
    pictures = open_footage(write_pictures(tmp_path / "img", first=7))
    write_lines(tmp_path / "gt.txt", ["8,1,0,0,20,20"])
    assert [box.place for box in mot.read(tmp_path / "gt.txt", pictures)] == [1]


@pytest.mark.parametrize("ending", ["jpg", "webp", "tif"])
def test_a_picture_is_as_large_as_it_is_upright(tmp_path: Path, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(tmp_path / f"a.{ending}", exif=exif)
    pictures = open_footage(tmp_path)
    assert pictures.size(0) == pictures.frame(0).shape[:2] == (20, 10)


def test_pictures_that_differ_by_their_ending_alone_keep_it_in_their_names(tmp_path: Path) -> None:
    for file in ("a.jpg", "a.png", "b.jpg", "more/a.jpg"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / file), np.zeros((4, 4, 3), np.uint8))
    pictures = open_footage(tmp_path)
    assert [pictures.name(place) for place in range(4)] == ["a.jpg", "a.png", "b", "more/a"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,1,0,0,20", "expected frame, track, left, top, width, height"),
        ("1,1,0,0,20,0", "expected a box with a positive width and height, got 20 x 0"),
        ("1,1,0,0,20,nan", "expected a finite number as height, got 'nan'"),
        ("1,a,0,0,20,20", "expected a number as track, got 'a'"),
        ("1.5,1,0,0,20,20", "expected a whole number as frame, got '1.5'"),
        ("9,1,0,0,20,20", "expected one frame of number 9, found none"),
    ],
)
def test_an_ill_formed_line_of_mot_is_named(pictures: Footage, tmp_path: Path, line: str, message: str) -> None:
    write_lines(tmp_path / "gt.txt", ["1,1,0,0,20,20", line])
    with pytest.raises(ValueError, match=rf"gt\.txt, line 2: .*{message}"):
        mot.read(tmp_path / "gt.txt", pictures)


def test_a_yolo_file_without_a_frame_is_named(pictures: Footage, tmp_path: Path) -> None:
    folder = write_yolo(tmp_path / "labels")
    write_lines(folder / "other.txt", ["0 0.5 0.5 0.1 0.1"])
    with pytest.raises(ValueError, match=r"other\.txt: .*expected one frame of 'other', found none"):
        yolo.read(folder, pictures)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="expected a folder of YOLO's text files, found none"):
        yolo.read(tmp_path / "empty", pictures)


def test_faults_of_coco_are_named(pictures: Footage, tmp_path: Path) -> None:
    for change, message in (
        ({"images": []}, "image_id 10 is not among the file's images"),
        ({"categories": []}, "category_id 1 is not among the file's categories"),
        ({"annotations": [{"id": 4, "image_id": 10, "category_id": 1, "bbox": [0, 0, -1, 5]}]}, "got -1 x 5"),
        ({"annotations": 3}, "not a COCO file: expected a list 'annotations'"),
    ):
        (tmp_path / "boxes.json").write_text(json.dumps(coco_of_frames() | change))
        with pytest.raises(ValueError, match=message):
            coco.read(tmp_path / "boxes.json", pictures)
    (tmp_path / "boxes.json").write_text("[]")
    with pytest.raises(ValueError, match="not a COCO file"):
        coco.read(tmp_path / "boxes.json", pictures)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "not an XML file"),
        ("<other/>", "expected CVAT's element annotations, got other"),
        ('<annotations><track label="car"><box frame="0"/></track></annotations>', "lacks the attribute 'id'"),
        (
            '<annotations><image name="x.png" width="9" height="9"><box label="car"/></image></annotations>',
            "image x.png: .*expected one frame of 'x.png', found none",
        ),
    ],
)
def test_faults_of_cvat_are_named(pictures: Footage, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "boxes.xml").write_text(text)
    with pytest.raises(ValueError, match=rf"boxes\.xml: .*{message}"):
        cvat.read(tmp_path / "boxes.xml", pictures)


def test_a_video_gives_its_frames_in_any_order_and_says_where_it_ends(tmp_path: Path) -> None:
    film = open_footage(write_video(tmp_path / "film.avi"))
    forth = [film.frame(place) for place in range(4)]
    film = open_footage(tmp_path / "film.avi")
    for place in (3, 0, 2, 1):
        np.testing.assert_array_equal(film.frame(place), forth[place])
    assert film.size(0) == (90, 120)
    assert np.abs(forth[0][20, 20].astype(int) - (200, 30, 30)).max() < 20
    with pytest.raises(ValueError, match=r"film\.avi: expected 10 frames or more, the video ends after 4"):
        film.frame(9)


def test_what_is_no_footage_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "film.mp4").write_text("no video")
    with pytest.raises(ValueError, match="empty: expected a folder of pictures"):
        open_footage(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"film\.mp4: not a video that OpenCV reads"):
        open_footage(tmp_path / "film.mp4")
    with pytest.raises(FileNotFoundError, match="absent: no such folder of frames or video"):
        open_footage(tmp_path / "absent")
