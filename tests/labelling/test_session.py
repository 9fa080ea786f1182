from pathlib import Path

import pytest

from pipeline.labelling.label_file import LabelFile
from pipeline.labelling.pictures import Candidate
from pipeline.labelling.session import PRELOADED, Session, spread


def candidates(vehicles: int = 5, images: int = 6, cameras: int = 3) -> list[Candidate]:
    return [
        Candidate(f"{vehicle}_{image}.jpg", str(vehicle), f"c{image % cameras}", False)
        for vehicle in range(vehicles)
        for image in range(images)
    ]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(candidates(), LabelFile(tmp_path / "labels.csv"), seed=0)


def shown(session: Session) -> str:
    return session.candidates[session.progress().waiting[0]].path


def test_every_round_shows_each_vehicle_once_by_a_camera_of_its_own() -> None:
    images = candidates()
    order = [images[position] for position in spread(images, seed=3)]
    assert sorted(image.path for image in order) == sorted(image.path for image in images)
    for start in range(0, len(order), 5):
        assert len({image.vehicle_id for image in order[start : start + 5]}) == 5
    for vehicle in range(5):
        cameras = [image.camera_id for image in order if image.vehicle_id == str(vehicle)]
        assert len(set(cameras[:3])) == len(set(cameras[3:])) == 3


def test_the_first_round_uses_all_cameras_alike() -> None:
    images = candidates(vehicles=30)
    cameras = [images[position].camera_id for position in spread(images, seed=1)[:30]]
    assert {camera: cameras.count(camera) for camera in set(cameras)} == {"c0": 10, "c1": 10, "c2": 10}


def test_the_order_follows_the_seed_alone() -> None:
    images = candidates()
    assert spread(images, seed=1) == spread(images, seed=1)
    assert spread(images, seed=1) != spread(images, seed=2)


def test_images_of_unknown_vehicles_all_come_and_in_no_table_order() -> None:
    images = [Candidate(f"{number}.jpg", "", "", False) for number in range(50)]
    order = spread(images, seed=0)
    assert sorted(order) == list(range(50))
    assert order != list(range(50))


def test_images_whose_viewpoint_the_table_knows_come_last() -> None:
    images = [Candidate(f"{number}.jpg", str(number % 3), "c", number < 6) for number in range(12)]
    assert [images[position].has_viewpoint for position in spread(images, seed=0)] == [False] * 6 + [True] * 6


def test_labels_are_counted_and_the_next_images_follow_the_order(session: Session) -> None:
    assert session.progress().waiting == session.order[: PRELOADED + 1]
    session.label(shown(session), "rear")
    session.label(shown(session), None)
    progress = session.progress()
    assert progress.waiting == session.order[2 : PRELOADED + 3]
    assert (progress.total, progress.skipped, progress.undoable) == (30, 1, 2)
    assert progress.counts == {"front": 0, "rear": 1, "side": 0, "front-side": 0, "rear-side": 0}


def test_undo_takes_labels_back_one_by_one_and_shows_their_images_again(session: Session) -> None:
    first, second = (session.candidates[position].path for position in session.order[:2])
    session.label(first, "rear")
    session.label(second, None)
    session.undo()
    assert shown(session) == second
    session.undo()
    assert shown(session) == first
    session.undo()
    assert (session.progress().undoable, session.labels.path.read_text()) == (0, "image,viewpoint\n")


def test_undo_leaves_what_earlier_sittings_labelled(session: Session) -> None:
    first = shown(session)
    session.label(first, "rear")
    resumed = Session(session.candidates, LabelFile(session.labels.path), seed=0)
    resumed.undo()
    assert resumed.labels.viewpoints == {first: "rear"}


def test_a_sitting_resumes_after_what_is_labelled_and_what_was_skipped(session: Session) -> None:
    for viewpoint in ("front", None, "side"):
        session.label(shown(session), viewpoint)
    resumed = Session(session.candidates, LabelFile(session.labels.path), seed=0)
    assert resumed.progress().waiting == session.progress().waiting
    assert (resumed.progress().skipped, resumed.progress().counts["side"]) == (1, 1)


def test_rows_of_other_images_are_neither_counted_nor_lost(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image,viewpoint\nelsewhere.jpg,front\n")
    session = Session(candidates(), LabelFile(path), seed=0)
    assert session.progress().counts["front"] == 0
    session.label(shown(session), "rear")
    assert path.read_text().splitlines()[1] == "elsewhere.jpg,front"


def test_nothing_waits_when_all_is_labelled(session: Session) -> None:
    for candidate in session.candidates:
        session.label(candidate.path, "front")
    assert session.progress().waiting == []


def test_an_image_that_is_not_to_be_labelled_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="image: 'x.jpg' is not among the 30 images to label"):
        session.label("x.jpg", "front")
    assert not session.labels.path.exists()
