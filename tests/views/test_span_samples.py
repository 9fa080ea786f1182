from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.artifacts.foreground import open_foreground, write_foreground
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.networks.runtime import generator_of
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import VIEWPOINTS
from pipeline.training.samples import at_epoch
from pipeline.views.labels import labels_of, viewpoint_labels
from pipeline.views.samples import SpanAugmentationParams, SpanLoader, augment, collate, training_rows

PLAIN = SpanAugmentationParams(flip_probability=0.0, slanted={}, colour_jitter=0.0, zoom=0.0)


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """Five training images of each viewpoint but two of the side, a copy of the first, one unlabelled, one query."""
    records = []

    def add(shade: int, split: str, viewpoint: str | None) -> None:
        name = f"{len(records):03}.png"
        cv2.imwrite(str(tmp_path / name), np.full((20, 20, 3), shade, np.uint8))
        vehicle = None if split == "extra" else "1"
        records.append(ImageRecord(name, split, vehicle, viewpoint=viewpoint))

    for code, viewpoint in enumerate(VIEWPOINTS):
        for number in range(2 if viewpoint == "side" else 5):
            add(10 * code + number, "extra" if number else "train", viewpoint)
    add(0, "extra", "front")
    add(200, "train", None)
    add(210, "query", "side")
    write_store(tmp_path / "images.h5", records, tmp_path, ImageLimitsParams(10_000, 8, "stop"), "shades")
    return ImageStore(tmp_path / "images.h5")


def test_training_rows_are_labelled_distinct_images_of_train_and_extra(store: ImageStore) -> None:
    rows = training_rows(store, viewpoint_labels(store), None, seed=0)
    assert rows.tolist() == list(range(22))


def test_a_balanced_choice_takes_as_many_of_each_label_set_as_there_are(store: ImageStore) -> None:
    labels = viewpoint_labels(store)
    rows = training_rows(store, labels, 3, seed=0)
    assert np.bincount(store.viewpoints[rows]).tolist() == [3, 3, 2, 3, 3]
    assert rows.tolist() == training_rows(store, labels, 3, seed=0).tolist()
    assert rows.tolist() != training_rows(store, labels, 3, seed=1).tolist()


def test_a_set_without_viewpoints_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20, 3), np.uint8))
    write_store(
        tmp_path / "i.h5", [ImageRecord("a.png", "train", "1")], tmp_path, ImageLimitsParams(10_000, 8, "stop"), "x"
    )
    store = ImageStore(tmp_path / "i.h5")
    with pytest.raises(ValueError, match=r"no image of the splits train and extra has a label \(front, rear, side\)"):
        training_rows(store, viewpoint_labels(store), None, seed=0)


def test_labels_of_another_number_of_images_are_refused(store: ImageStore) -> None:
    labels = labels_of("ab", np.ones((3, 2), bool))
    with pytest.raises(ValueError, match=f"images.h5: expected labels of {len(store)} images, got those of 3"):
        training_rows(store, labels, None, seed=0)


def marked(size: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """An image whose red square is its foreground."""
    image, mask = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)
    image[10:30, 6:20, 0] = mask[10:30, 6:20] = 255
    return image, mask


@pytest.mark.parametrize(
    ("augmentation", "slanted"),
    [
        (PLAIN, 0.0),
        (replace(PLAIN, flip_probability=1.0), 0.0),
        (replace(PLAIN, zoom=0.2), 0.0),
        (PLAIN, 1.0),
        (replace(PLAIN, flip_probability=0.5, zoom=0.2), 0.5),
    ],
)
def test_image_and_foreground_move_together(augmentation: SpanAugmentationParams, slanted: float) -> None:
    image, mask = augment(*marked(), slanted, augmentation, generator_of(1, 2))
    inner = np.s_[1:-1, 1:-1]
    assert np.abs(image[inner][..., 0].astype(int) - mask[inner]).max() <= 1


def test_nothing_moves_without_augmentation() -> None:
    image, mask = marked()
    for found, expected in zip(augment(image, mask, 0.0, PLAIN, generator_of(0)), (image, mask), strict=True):
        assert np.array_equal(found, expected)


def test_a_flip_mirrors_exactly() -> None:
    image, mask = marked()
    flipped, moved = augment(image, mask, 0.0, replace(PLAIN, flip_probability=1.0), generator_of(0))
    assert np.array_equal(flipped, image[:, ::-1])
    assert np.array_equal(moved, mask[:, ::-1])


def test_a_slanted_image_is_squeezed_and_rotated() -> None:
    image, mask = marked()
    slanted = augment(image, mask, 1.0, PLAIN, generator_of(0))[1]
    assert 0.3 < (slanted > 127).sum() / (mask > 127).sum() < 0.9


def loader_of(store: ImageStore, folder: Path, augmentation: SpanAugmentationParams) -> SpanLoader:
    """Samples of 32 pixels, whose foreground is a square in the middle."""
    masks = np.zeros((len(store), 16, 16), np.uint8)
    masks[:, 4:12, 4:12] = 255
    masks[:, 14:] = 120
    write_foreground(folder / "foreground.h5", store.digest, len(store), 16, [masks], {})
    foreground = open_foreground(folder / "foreground.h5")
    return SpanLoader(store, viewpoint_labels(store), foreground, 32, 16, augmentation, seed=0)


def test_only_an_image_with_the_named_label_alone_is_slanted(store: ImageStore, tmp_path: Path) -> None:
    load = loader_of(store, tmp_path, replace(PLAIN, slanted={"side": 1.0}))
    areas = {viewpoint: load(row)[1].sum() for viewpoint, row in zip(VIEWPOINTS, (0, 5, 10, 12, 17), strict=True)}
    assert [viewpoint for viewpoint, area in areas.items() if area != 64] == ["side"]


def test_a_sample_is_a_function_of_seed_epoch_and_row(store: ImageStore, tmp_path: Path) -> None:
    load = loader_of(store, tmp_path, SpanAugmentationParams(0.5, {"side": 0.5}, 0.3, 0.2))
    first, again = at_epoch(load, 4)(7), at_epoch(load, 4)(7)
    assert np.array_equal(first[0], again[0])
    assert any(not np.array_equal(first[0], at_epoch(load, epoch)(7)[0]) for epoch in range(3))
    batch = collate([replace(load, augmentation=PLAIN)(row) for row in (0, 7)])
    assert batch["images"].shape == (2, 3, 32, 32)
    assert batch["foreground"].sum((1, 2)).tolist() == [64.0, 64.0]
    assert batch["label_sets"].tolist() == store.viewpoints[[0, 7]].tolist()
