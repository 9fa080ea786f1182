import json
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.artifacts.truth import Truth, read_view_labels, write_truth
from pipeline.datasets.annotations.polygons import ViewPolygonsParams, polygon_truth
from pipeline.datasets.annotations.rendered import rendered_truth
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import OTHER_SURFACE

PATHS = ("a.png", "sub/b.png", "c.png")
SIZE = (20, 30)
RECORDS = [ImageRecord(path, "extra") for path in PATHS]


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    (tmp_path / "sub").mkdir()
    for path in PATHS:
        cv2.imwrite(str(tmp_path / path), np.zeros((*SIZE, 3), np.uint8))
    write_store(tmp_path / "images.h5", RECORDS, tmp_path, ImageLimitsParams(1000, 8, "stop"), "set")
    return ImageStore(tmp_path / "images.h5")


def png(labels: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", labels)[1].tobytes())


def label_map(value: int) -> NDArray[np.uint8]:
    labels = np.zeros(SIZE, np.uint8)
    labels[value : 2 * value, 3:9] = value
    return labels


def rendered(path: Path, names: list[str], without: str = "") -> Path:
    """What a renderer writes, image `names[i]` showing label i + 1 and standing at 10 (i + 1) degrees."""
    maps = [np.frombuffer(png(label_map(value)), np.uint8) for value in range(1, len(names) + 1)]
    content = {
        "path": np.array([name.encode() for name in names]),
        "azimuth": np.arange(1, len(names) + 1, dtype=np.float32) * 10,
        "labels": np.concatenate(maps),
        "labels_offsets": np.concatenate([[0], np.cumsum([len(data) for data in maps])]),
    }
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            if name != without:
                file[name] = values
    return path


def test_rendered_truth_is_aligned_to_the_table_by_path(store: ImageStore, tmp_path: Path) -> None:
    names = ["c.png", "unused.png", "a.png", "sub/b.png"]
    write_truth(tmp_path / "truth.h5", store, rendered_truth(rendered(tmp_path / "gt.h5", names), store.paths))
    with hdf5.Cache(tmp_path / "truth.h5", "truth/1", store.digest) as cache:
        assert cache.header.notes == {"views": True, "complete": True}
        assert cache["azimuth"][()].tolist() == [30, 40, 10]
        for row, value in enumerate((3, 4, 1)):
            np.testing.assert_array_equal(read_view_labels(cache, row), label_map(value))


def test_a_row_without_truth_is_an_empty_span(store: ImageStore, tmp_path: Path) -> None:
    write_truth(tmp_path / "truth.h5", store, Truth({1: png(label_map(2))}, None, complete=False))
    with hdf5.Cache(tmp_path / "truth.h5", "truth/1", store.digest) as cache:
        assert "azimuth" not in cache
        assert cache.header.notes == {"views": True, "complete": False}
        assert [read_view_labels(cache, row) is None for row in range(3)] == [True, False, True]


def test_a_data_set_without_truth_has_a_file_that_says_so(store: ImageStore, tmp_path: Path) -> None:
    write_truth(tmp_path / "truth.h5", store, None)
    with hdf5.Cache(tmp_path / "truth.h5", "truth/1", store.digest) as cache:
        assert cache.header.notes == {"views": False, "complete": False}
        assert read_view_labels(cache, 0) is None


def test_rendered_truth_must_cover_the_table_and_be_whole(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no ground truth of 2 images of the table, for example sub/b.png"):
        rendered_truth(rendered(tmp_path / "part.h5", ["a.png"]), store.paths)
    with pytest.raises(ValueError, match="dataset 'azimuth' is missing"):
        rendered_truth(rendered(tmp_path / "old.h5", list(PATHS), without="azimuth"), store.paths)
    with pytest.raises(FileNotFoundError, match="absent.h5"):
        rendered_truth(tmp_path / "absent.h5", store.paths)
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(ValueError, match=r"text\.h5: not an HDF5 file"):
        rendered_truth(tmp_path / "text.h5", store.paths)


def test_a_map_that_is_no_picture_names_its_image(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ground truth of sub/b\.png: expected a label map, an 8-bit grey PNG"):
        write_truth(tmp_path / "truth.h5", store, Truth({1: b"text"}, None, complete=True))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((30, 20), np.uint8), r"sub/b.png: expected labels 0 to 4 of 30 x 20 pixels, got .* of 20 x 30"),
        (np.full(SIZE, 5, np.uint8), "sub/b.png: expected labels 0 to 4 .* got labels up to 5"),
    ],
)
def test_an_ill_formed_map_is_refused(store: ImageStore, tmp_path: Path, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_truth(tmp_path / "truth.h5", store, Truth({1: png(labels)}, None, complete=True))
    assert not (tmp_path / "truth.h5").exists()


def coco(path: Path) -> None:
    """On a.png a door with a wheel over its corner, a hood, and a spare."""
    squares = {"wheel": (4, 6, 10, 14), "door": (2, 2, 8, 10), "hood": (20, 0, 30, 20), "spare": (12, 12, 16, 16)}
    annotations = [
        {"image_id": 1, "category_id": name, "bbox": [0, 0, 1, 1], "segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]]}
        for name, (x1, y1, x2, y2) in squares.items()
    ]
    images = [{"id": 1, "file_name": "a.png", "width": 30, "height": 20}]
    categories = [{"id": name, "name": name} for name in squares]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def test_polygons_are_drawn_by_view_later_categories_over_earlier_ones(store: ImageStore, tmp_path: Path) -> None:
    coco(tmp_path / "parts.json")
    views = {"hood": "front", "door": "side", "wheel": "other", "spare": None}
    truth = polygon_truth(tmp_path, RECORDS, ViewPolygonsParams("parts.json", ".", views))
    assert set(truth.labels) == {0}
    assert not truth.complete
    write_truth(tmp_path / "truth.h5", store, truth)
    with hdf5.Cache(tmp_path / "truth.h5", "truth/1", store.digest) as cache:
        labels = read_view_labels(cache, 0)
    assert labels is not None
    at = {(3, 3): 3, (8, 6): OTHER_SURFACE, (13, 6): OTHER_SURFACE, (10, 25): 1, (14, 14): 0, (18, 2): 0}
    assert {place: labels[place] for place in at} == at


@pytest.mark.parametrize(
    ("views", "message"),
    [
        ({"hood": "front", "door": "side", "wheel": "other"}, "'spare' has no entry under prepare.view_polygons.views"),
        ({"hood": "top", "door": None, "wheel": None, "spare": None}, "hood: expected .* other or null, got 'top'"),
    ],
)
def test_every_category_needs_a_view(
    store: ImageStore, tmp_path: Path, views: dict[str, str | None], message: str
) -> None:
    coco(tmp_path / "parts.json")
    with pytest.raises(ValueError, match=message):
        polygon_truth(tmp_path, RECORDS, ViewPolygonsParams("parts.json", ".", views))
