import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.store.boxes import PartBoxes
from pipeline.store.images import ImageStore

STOP = ImageLimitsParams(max_pixels=10_000, min_side=8, on_bad_image="stop")
SKIP = replace(STOP, on_bad_image="skip")
BOXES = PartBoxes(np.array([[0, 0, 0.5, 1], [0.25, 0, 1, 1]], np.float32), np.array([14, 2], np.uint8), (20, 30))


def image(row: int) -> NDArray[np.uint8]:
    return np.random.default_rng(row).integers(0, 256, (20 + row, 30, 3), np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "raw" / "sub").mkdir(parents=True)
    for row, name in enumerate(("a.png", "sub/b.png", "c.png")):
        cv2.imwrite(str(tmp_path / "raw" / name), image(row)[..., ::-1])
    return tmp_path / "raw"


def records() -> list[ImageRecord]:
    return [
        ImageRecord("a.png", "train", "1", "c1", "front-side", {"source": "x"}, BOXES),
        ImageRecord("sub/b.png", "extra", None, None, None, {"source": ""}),
        ImageRecord("c.png", "query", "ö", "c2", "side", {"source": "y"}, PartBoxes(BOXES.boxes[:0], BOXES.labels[:0])),
    ]


def test_a_store_holds_the_table_and_the_images(root: Path, tmp_path: Path) -> None:
    kept, left_out = write_store(tmp_path / "s.h5", records(), root, STOP, "set", remarks=["one remark"])
    store = ImageStore(tmp_path / "s.h5")
    assert (len(kept), left_out, len(store)) == (3, [], 3)
    assert list(store.paths) == ["a.png", "sub/b.png", "c.png"]
    assert list(store.vehicle_ids) == ["1", "", "ö"]
    assert list(store.camera_ids) == ["c1", "", "c2"]
    assert list(store.viewpoints) == [3, -1, 2]
    assert list(store.groups["source"]) == ["x", "", "y"]
    assert store.sizes.tolist() == [[20, 30], [21, 30], [22, 30]]
    assert store.rows("query", "train").tolist() == [0, 2]
    assert store.remarks == ["one remark"]
    assert store.encoded(1) == (root / "sub/b.png").read_bytes()
    for row in range(3):
        np.testing.assert_array_equal(store.image(row), image(row))


def test_an_image_without_parts_differs_from_one_never_annotated(root: Path, tmp_path: Path) -> None:
    write_store(tmp_path / "s.h5", records(), root, STOP, "set")
    store = ImageStore(tmp_path / "s.h5")
    first, second, third = (store.parts(row) for row in range(3))
    assert first is not None
    np.testing.assert_array_equal(first.boxes, BOXES.boxes)
    np.testing.assert_array_equal(first.labels, BOXES.labels)
    assert second is None
    assert third is not None
    assert third.boxes.shape == (0, 4)


def test_a_store_is_the_same_bytes_each_time(root: Path, tmp_path: Path) -> None:
    for name in ("one.h5", "two.h5"):
        write_store(tmp_path / name, records(), root, STOP, "set")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_the_digest_follows_the_bytes_of_the_images(root: Path, tmp_path: Path) -> None:
    write_store(tmp_path / "one.h5", records(), root, STOP, "set")
    cv2.imwrite(str(root / "c.png"), image(2))
    write_store(tmp_path / "two.h5", records(), root, STOP, "set")
    assert ImageStore(tmp_path / "one.h5").digest != ImageStore(tmp_path / "two.h5").digest


def test_a_store_travels_to_workers(root: Path, tmp_path: Path) -> None:
    write_store(tmp_path / "s.h5", records(), root, STOP, "set")
    store = ImageStore(tmp_path / "s.h5")
    store.image(0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store)).image(2), image(2))


def test_unusable_images_stop_the_stage_with_path_and_reason(root: Path, tmp_path: Path) -> None:
    (root / "a.png").write_bytes(b"")
    (root / "c.png").unlink()
    message = r"2 unusable images: a.png: the file is empty; c.png: the file does not exist .*on_bad_image"
    with pytest.raises(ValueError, match=message):
        write_store(tmp_path / "s.h5", records(), root, STOP, "set")
    assert not (tmp_path / "s.h5").exists()


def test_unusable_images_are_left_out_and_listed_when_asked(root: Path, tmp_path: Path) -> None:
    (root / "a.png").write_bytes(b"text")
    kept, left_out = write_store(tmp_path / "s.h5", records(), root, SKIP, "set")
    store = ImageStore(tmp_path / "s.h5")
    assert [record.path for record in kept] == list(store.paths) == ["sub/b.png", "c.png"]
    assert store.left_out == left_out == [("a.png", "not an image OpenCV can decode (damaged or of an unknown format)")]
    np.testing.assert_array_equal(store.image(1), image(2))
    assert store.parts(0) is None


def test_leaving_out_every_image_is_an_error(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set: no images found"):
        write_store(tmp_path / "s.h5", records(), root, replace(SKIP, max_pixels=10), "set")


def test_boxes_drawn_on_an_image_of_another_size_are_refused(root: Path, tmp_path: Path) -> None:
    wrong = replace(records()[0], parts=replace(BOXES, size=(30, 20)))
    with pytest.raises(ValueError, match="a.png were drawn on 20 x 30 pixels, but the upright image has 30 x 20"):
        write_store(tmp_path / "s.h5", [wrong], root, STOP, "set")


def test_a_path_that_leaves_the_folder_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must stay inside"):
        write_store(tmp_path / "s.h5", [ImageRecord("../raw/a.png", "extra")], root, SKIP, "set")


def test_an_image_that_changes_while_it_is_read_is_noticed(root: Path, tmp_path: Path) -> None:
    def change_at_the_end(paths: object, _: int) -> object:
        yield from paths  # type: ignore[misc]
        cv2.imwrite(str(root / "a.png"), image(7))

    with pytest.raises(ValueError, match="changed while it was being read"):
        write_store(tmp_path / "s.h5", records(), root, STOP, "set", change_at_the_end)  # type: ignore[arg-type]


def test_a_store_keeps_the_test_sets_and_lists_their_rows(root: Path, tmp_path: Path) -> None:
    first, second, *others = records()
    first = replace(first, split="query", vehicle_id="1", roles={"small": "query", "large": "gallery"})
    second = replace(second, split="gallery", vehicle_id="1", roles={"large": "query"})
    write_store(tmp_path / "store.h5", [first, second, *others], root, STOP, "set")
    store = ImageStore(tmp_path / "store.h5")
    assert list(store.roles) == ["small", "large"]
    assert store.roles["small"][:2].tolist() == ["query", ""]
    assert store.roles["large"][:2].tolist() == ["gallery", "query"]
    assert store.test_rows().tolist() == [0, 1]
