from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME

from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.runtime import start
from pipeline.parts.augmentation import PartAugmentationParams
from pipeline.parts.network import DetectorNetworkParams, ResnetSsdParams, build_detector, restore
from pipeline.parts.samples import collate, training_rows
from pipeline.parts.trained_on import KIND, read_trained_images, trained_images, unseen_rows
from pipeline.parts.training import DetectorTrainingParams, detection_losses, train
from pipeline.store.boxes import PartBoxes
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import PART_CLASSES
from pipeline.training.loop import ScheduleParams
from tests.parts.vgg_weights import scaled, write_vgg

SHAPE = ResnetSsdParams(64, "resnet10_narrow", 4, (1, 2), 16, (0.1, 0.3, 0.6), ())
PARTS = PartBoxes(np.array([[0.2, 0.2, 0.6, 0.6]], np.float32), np.array([14], np.uint8))
NO_PARTS = PartBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.uint8))


def training(held_back_every: int = 0, epochs: int = 1) -> DetectorTrainingParams:
    return DetectorTrainingParams(
        dataset="tiny",
        network=DetectorNetworkParams("ssd_resnet", SHAPE),
        pretrained=PretrainedParams(None),
        held_back_every=held_back_every,
        batch_size=4,
        augmentation=PartAugmentationParams(0.5, (0.7, 1.3), 1.2, 0.5, 0.2, 9, 0.5, 2),
        schedule=ScheduleParams(epochs, 5e-3, 0.0, 0, 0, "constant", 1, 1),
    )


def make_store(folder: Path, name: str = "store", splits: str = "ttttttttqgxx") -> ImageStore:
    """Twelve images with a bright square that is a wheel; of the extra ones, the last has no annotation.

    The first image has a copy: rows 0 and 1 are the same file under two paths.
    """
    names = {"t": "train", "q": "query", "g": "gallery", "x": "extra"}
    records = []
    for row, letter in enumerate(splits):
        generator = np.random.default_rng(max(row, 1))
        image = generator.integers(0, 60, (40, 40, 3), dtype=np.uint8)
        image[8:24, 8:24] = 255
        cv2.imwrite(str(folder / f"{row:02d}.png"), image)
        vehicle = None if letter == "x" else str(row)
        parts = None if row == len(splits) - 1 else PARTS
        records.append(ImageRecord(f"{row:02d}.png", names[letter], vehicle, parts=parts))
    write_store(folder / f"{name}.h5", records, folder, ImageLimitsParams(10_000, 8, "stop"), name)
    return ImageStore(folder / f"{name}.h5")


def test_only_annotated_train_and_extra_rows_are_trained_on(tmp_path: Path) -> None:
    rows, held_back = training_rows(make_store(tmp_path), 0)
    np.testing.assert_array_equal(rows, [0, 1, 2, 3, 4, 5, 6, 7, 10])
    assert len(held_back) == 0


def test_annotated_images_without_any_box_are_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "PARTS", NO_PARTS)
    with pytest.raises(ValueError, match=r"store\.h5: none of the 9 annotated images .* has a part box"):
        training_rows(make_store(tmp_path), 0)


def test_every_kth_image_by_digest_is_held_back_with_its_copies(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    rows, held_back = training_rows(store, 3)
    assert sorted([*rows, *held_back]) == [0, 1, 2, 3, 4, 5, 6, 7, 10]
    distinct = np.unique(store.image_digests[[0, 2, 3, 4, 5, 6, 7, 10]])
    assert set(store.image_digests[held_back]) == set(distinct[2::3])
    assert not set(store.image_digests[held_back]) & set(store.image_digests[rows])


def test_a_data_set_without_annotations_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"store\.h5: no annotated image"):
        training_rows(make_store(tmp_path, splits="qgqgqgqgqgqg"), 0)


def test_unseen_rows_are_annotated_never_trained_on_and_without_copies(tmp_path: Path) -> None:
    store = make_store(tmp_path, splits="tqggttttxxqq")  # rows 0 and 1 are copies: a query that was trained on
    rows, held_back = training_rows(store, 3)
    weights = tmp_path / "detector.safetensors"
    found = train(store, training(held_back_every=3), RUNTIME, start(RUNTIME), None)
    found.write(weights, KIND, tmp_path / "history.csv")
    unseen = unseen_rows(store, read_trained_images(weights))
    trained = set(store.image_digests[rows])
    expected = {d for d, known in zip(store.image_digests, store.annotated, strict=True) if known} - trained
    assert set(store.image_digests[unseen]) == expected
    assert len(unseen) == len(expected)
    assert found.metadata["held_back"] == store.paths[held_back].tolist()
    assert found.metadata["table"] == store.digest


def test_every_image_counts_as_unseen_by_a_detector_that_was_trained_on_none(tmp_path: Path) -> None:
    store = make_store(tmp_path, splits="tqggttttxxqq")
    assert unseen_rows(store, []).tolist() == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert unseen_rows(store, trained_images(store, np.arange(len(store)))).tolist() == []
    assert len(trained_images(store, np.array([0, 1]))) == 1, "copies of one image"


def test_a_batch_holds_pixels_and_labels_from_one() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    batch = collate([(image, PARTS), (image, NO_PARTS)])
    assert batch["images"].shape == (2, 3, 64, 64)
    assert batch["images"].dtype == torch.uint8
    torch.testing.assert_close(batch["boxes"][0], torch.tensor([[0.2, 0.2, 0.6, 0.6]]) * 64)
    assert batch["labels"][0].tolist() == [15]
    assert batch["boxes"][1].shape == (0, 4)


def test_the_losses_are_finite_with_and_without_parts() -> None:
    detector = build_detector(DetectorNetworkParams("ssd_resnet", SHAPE), PretrainedParams(None)).train()
    image = np.zeros((64, 64, 3), np.uint8)
    losses = detection_losses(detector, collate([(image, PARTS), (image, NO_PARTS)]))
    assert set(losses) == {"bbox_regression", "classification"}
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_training_learns_and_repeats_bit_for_bit_until_the_seed_changes(tmp_path: Path) -> None:
    store = make_store(tmp_path)

    def state_of(seed: int) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
        runtime = replace(RUNTIME, seed=seed)
        trained = train(store, training(epochs=8), runtime, start(runtime), None)
        return trained.network.state_dict(), trained.history

    (first, history), (again, _), (other, _) = state_of(0), state_of(0), state_of(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert PART_CLASSES[14] == "wheel"


def test_a_detector_goes_on_scaling_images_as_its_first_weights_wanted_it(tmp_path: Path) -> None:
    pretrained = write_vgg(tmp_path / "vgg16.pth", classifier=0.1)
    network = DetectorNetworkParams("ssd300_vgg16", None)
    values = replace(training(epochs=0), network=network, pretrained=pretrained)
    trained = train(make_store(tmp_path), values, RUNTIME, start(RUNTIME), None)
    trained.write(tmp_path / "weights.safetensors", KIND, tmp_path / "history.csv")
    expected = [(0.9 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.1 - 0.406) / 0.225]
    assert scaled(restore(tmp_path / "weights.safetensors"), (0.9, 0.5, 0.1)) == pytest.approx(expected, rel=1e-4)
