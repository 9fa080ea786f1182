from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_vehicles import TinyData

from pipeline.artifacts.features import Features
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.search.gallery import by_tracks, find, open_gallery
from pipeline.search.image_files import ImageFiles, Source, crops_of, files_at
from pipeline.search.queries import middle_images, queries_of
from tests.datasets.filmed import TAKEN, write_mot, write_pictures

LIMITS = ImageLimitsParams(100_000, 8, "stop")


def features(count: int) -> Features:
    values = np.arange(count, dtype=np.float32)[:, None]
    return Features(np.arange(count), values, np.zeros((count, 0), np.float32), "euclidean", (1,))


def test_the_middle_image_stands_for_a_track() -> None:
    assert middle_images(np.array([1, 0, 1, 1, 0])).tolist() == [4, 2]


def test_vehicles_of_frames_are_asked_track_by_track(tmp_path: Path) -> None:
    pictures, boxes = write_pictures(tmp_path / "img"), write_mot(tmp_path / "gt.txt")
    files = ImageFiles(crops_of(pictures, boxes, "mot", TAKEN), LIMITS)
    assert len(files) == 8
    asked = queries_of(files, features(8))
    assert asked.names == [pictures / "track 1", pictures / "track 2"]
    assert asked.counts.tolist() == [4, 4]
    assert asked.features.tolist() == [[3], [4]], "crops come frame by frame, track 1 first"
    assert asked.images.tolist() == [4, 5]
    assert files.sources[4].path == pictures / "000003_01.png"


def test_boxes_without_tracks_are_asked_one_by_one(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "img")
    (tmp_path / "det.txt").write_text("1,-1,10,10,30,20,0.9\n2,-1,18,10,30,20,0.8\n")
    asked = queries_of(ImageFiles(crops_of(pictures, tmp_path / "det.txt", "mot", TAKEN), LIMITS), features(2))
    assert asked.names == [pictures / "000001_01.png", pictures / "000002_01.png"]
    assert asked.features.tolist() == [[0], [1]]


def test_boxes_of_which_none_is_left_are_refused_with_the_reason(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "img")
    (tmp_path / "det.txt").write_text("1,-1,10,10,3,3,0.9\n")
    with pytest.raises(ValueError, match=r"det\.txt: expected boxes to cut out.*1 with less than 8 pixels a side"):
        crops_of(pictures, tmp_path / "det.txt", "mot", TAKEN)


def test_a_folder_stands_for_its_image_files_and_each_is_asked_once(tmp_path: Path) -> None:
    names = ["a.JPG", "b.jpeg", "c.png", "d.webp", "e.BMP", "f.tif", "g.tiff"]
    for name in names:
        assert cv2.imwrite(str(tmp_path / name), np.full((9, 9, 3), 7, np.uint8))
    for name in ("notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes((tmp_path / "c.png").read_bytes())
    (tmp_path / "deep.png").mkdir()
    said: list[str] = []
    sources = files_at([tmp_path, tmp_path / "c.png"], said.append)
    assert [source.path.name for source in sources] == names
    passed_over, again = said
    assert passed_over.startswith(f"{tmp_path}: 2 entries passed over, no images (.jpg, .jpeg, .png, ")
    assert again == f"{tmp_path}/c.png: 1 image given before, asked once"
    asked = queries_of(ImageFiles(sources, LIMITS), features(7))
    assert asked.counts.tolist() == [1] * 7


def test_images_sent_to_a_loader_process_leave_their_files_behind() -> None:
    encoded = cv2.imencode(".png", np.full((9, 9, 3), 7, np.uint8))[1].tobytes()
    files = ImageFiles([Source(Path("a.png"), lambda: encoded)], LIMITS)
    state = files.__getstate__()
    sent = ImageFiles.__new__(ImageFiles)
    sent.__dict__.update(state)
    assert (len(sent), sent.image(0)[0, 0].tolist(), sent.sources) == (1, [7, 7, 7], [])


def test_a_gallery_of_tracks_holds_averages_of_its_images(finished_run: TinyData) -> None:
    workspace = finished_run.workspace("baseline")
    images = open_gallery(workspace, (), {})
    images.store.vehicle_ids[images.rows] = "0003"
    tracks = by_tracks(images, "type")
    assert tracks.tracks is not None
    assert (tracks.tracks.names.tolist(), tracks.tracks.counts.tolist()) == (["van"], [2])
    inside = images.features.values[:][images.features.member]
    mean = inside.mean(0) / np.linalg.norm(inside.mean(0))
    np.testing.assert_allclose(tracks.features.values[:][0], mean, rtol=1e-5)
    found = find(tracks.features, mean[None], np.zeros((1, 0), np.float32), 5)
    assert found[0].positions.tolist() == [0]
    with pytest.raises(ValueError, match="tracks: expected one of camera_id, type, vehicle_id, got 'run'"):
        by_tracks(images, "run")


@pytest.mark.parametrize(
    ("same", "message"),
    [
        ("camera_ids", "one vehicle, track 'van' has '0003' in row 6 and '0004' in row 7"),
        ("vehicle_ids", "one camera, track 'van' has 'c1' in row 6 and 'c2' in row 7"),
    ],
)
def test_a_track_of_several_vehicles_or_cameras_is_refused(finished_run: TinyData, same: str, message: str) -> None:
    images = open_gallery(finished_run.workspace("baseline"), (), {})
    images.store.camera_ids[6] = "c1"
    getattr(images.store, same)[images.rows] = "any"
    expected = f"images.*tiny.h5, column type: expected the images of a track to be of {message}"
    with pytest.raises(ValueError, match=expected):
        by_tracks(images, "type")
