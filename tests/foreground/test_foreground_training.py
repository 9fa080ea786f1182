from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME
from drawn_vehicles import ROWS, TinyData

from pipeline.artifacts.seeds import open_seeds
from pipeline.foreground import training as foreground_training
from pipeline.foreground.network import ForegroundNetworkParams, restore
from pipeline.foreground.samples import ForegroundAugmentationParams, augment, training_rows
from pipeline.foreground.trained_on import KIND, read_removed_rows
from pipeline.foreground.training import ForegroundTrainingParams, NoisySeeds, train
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.runtime import start
from pipeline.networks.weights import save
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.files import read_csv
from pipeline.training import loop as training_loop
from pipeline.training.loop import ScheduleParams

TRAINING = ForegroundTrainingParams(
    network=ForegroundNetworkParams("resnet10_narrow", True, "layer4", 1, (16, 8), 32),
    pretrained=PretrainedParams(None),
    loss="mse",
    remove_after_epochs=1,
    remove_deviations=3.0,
    relabel_from_epoch=1,
    relabel_share=0.5,
    augmentation=ForegroundAugmentationParams(0.5, (0.9, 1.1), 0.1, 0.2),
    batch_size=2,
    schedule=ScheduleParams(4, 1e-3, 0.0, 0, 1.0, "constant", 1, 1.0),
)
STILL = ForegroundAugmentationParams(0.0, (1.0, 1.0), 0.0, 0.0)


def seeds_of(data: TinyData) -> hdf5.Cache:
    return open_seeds(data.path("grabcut"), data.store.digest)


def test_failed_seeds_and_images_of_query_and_gallery_are_left_out(tiny_data: TinyData, tmp_path: Path) -> None:
    failed = np.zeros(len(ROWS), bool)
    failed[[1, 5]] = True
    path = tmp_path / "seeds.h5"
    with hdf5_writer.create(path, hdf5.Header("grabcut/1", tiny_data.store.digest)) as cache:
        cache.array("failed", failed)
    assert training_rows(tiny_data.store, hdf5.Cache(path, "grabcut/1")).tolist() == [0, 2, 3]


def test_without_any_usable_seed_training_is_refused(tiny_data: TinyData, tmp_path: Path) -> None:
    path = tmp_path / "seeds.h5"
    with hdf5_writer.create(path, hdf5.Header("grabcut/1", tiny_data.store.digest)) as cache:
        cache.array("failed", np.ones(len(ROWS), bool))
    with pytest.raises(ValueError, match="none of the 4 seeds"):
        training_rows(tiny_data.store, hdf5.Cache(path, "grabcut/1"))


def test_image_and_mask_are_moved_alike() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 10:50] = 255
    values = ForegroundAugmentationParams(0.5, (0.7, 1.4), 0.2, 0.0)
    for seed in range(10):
        image, moved = augment(np.repeat(mask[..., None], 3, 2), mask, values, np.random.default_rng(seed))
        np.testing.assert_array_equal(image[..., 0], moved)


def test_without_extent_augmentation_changes_nothing() -> None:
    generator = np.random.default_rng(0)
    image, mask = generator.integers(0, 255, (16, 16, 3), np.uint8), generator.integers(0, 255, (8, 8), np.uint8)
    unchanged = augment(image, mask, STILL, generator)
    np.testing.assert_array_equal(unchanged[0], image)
    np.testing.assert_array_equal(unchanged[1], mask)


def test_moved_images_repeat_their_border_and_moved_masks_do_not() -> None:
    white = np.full((32, 32, 3), 255, np.uint8)
    image, mask = augment(
        white, white[..., 0], ForegroundAugmentationParams(0.0, (0.5, 0.5), 0.0, 0.0), np.random.default_rng(0)
    )
    assert image.min() == 255
    assert mask[0, 0] == 0
    assert (mask > 127).mean() == pytest.approx(0.25, abs=0.04)


def test_samples_of_abnormal_loss_are_removed_once_after_the_first_epochs_and_for_good(tiny_data: TinyData) -> None:
    samples = NoisySeeds(tiny_data.store, seeds_of(tiny_data), replace(TRAINING, batch_size=1), RUNTIME)
    samples.state["losses"].copy_(torch.tensor([0.1, 0.11, 9.0, 0.12]))
    assert len(samples.batches(0)) == 4
    assert len(samples.batches(1)) == 3
    samples.state["losses"].copy_(torch.tensor([0.1, 0.11, 0.1, 9.0]))  # what is abnormal later stays
    assert len(samples.batches(2)) == 3
    assert len(samples.batches(3)) == 3
    assert samples.state["removed"].tolist() == [False, False, True, False]
    assert sorted(int(batch.positions) for batch in samples.batches(2)) == [0, 1, 3]


def test_without_a_number_of_epochs_nothing_is_removed(tiny_data: TinyData) -> None:
    samples = NoisySeeds(tiny_data.store, seeds_of(tiny_data), replace(TRAINING, remove_after_epochs=None), RUNTIME)
    samples.state["losses"].copy_(torch.tensor([0.1, 0.11, 9.0, 0.12]))
    for epoch in range(4):
        samples.batches(epoch)
    assert not samples.state["removed"].any()


def test_relabelling_lowers_the_loss_of_a_batch_and_starts_at_its_epoch(tiny_data: TinyData) -> None:
    samples = NoisySeeds(tiny_data.store, seeds_of(tiny_data), TRAINING, RUNTIME)
    values = []
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 2, stride=2), torch.nn.Flatten(1, 2))
    for epoch in (0, 1):
        batch = next(iter(samples.batches(epoch)))
        samples.state["epoch"].fill_(epoch)
        values.append([float(samples.losses(network, batch)["mask"].detach())])
        values[-1].append(float(samples.state["losses"][batch.positions].mean()))
    (before, plain_before), (after, plain_after) = values
    assert before == pytest.approx(plain_before)
    assert after < plain_after


def test_training_repeats_bit_for_bit_and_continues_after_an_interruption(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(scratch: Path | None) -> tuple[dict[str, torch.Tensor], list[dict[str, float]], object]:
        fabric = start(RUNTIME)
        trained = train(tiny_data.store, seeds_of(tiny_data), TRAINING, RUNTIME, fabric, scratch)
        return trained.network.state_dict(), trained.history, trained.metadata

    straight = run(None)
    monkeypatch.setattr(training_loop, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    original = NoisySeeds.batches

    def broken(self: NoisySeeds, epoch: int) -> object:
        if epoch == 2:
            raise KeyboardInterrupt
        return original(self, epoch)

    monkeypatch.setattr(NoisySeeds, "batches", broken)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "scratch")
    monkeypatch.setattr(NoisySeeds, "batches", original)
    continued = run(tmp_path / "scratch")
    assert continued[1:] == straight[1:]
    for name, tensor in straight[0].items():
        assert torch.equal(continued[0][name], tensor), name


def test_what_training_writes_restores_the_network_and_tells_what_was_removed(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, history = tmp_path / "weights.safetensors", tmp_path / "history.csv"
    verdict = torch.tensor([False, True, False, True])
    monkeypatch.setattr(foreground_training, "abnormal", lambda losses, deviations: verdict)
    trained = train(tiny_data.store, seeds_of(tiny_data), TRAINING, RUNTIME, start(RUNTIME), None)
    trained.write(weights, KIND, history)
    restored, state = restore(weights).state_dict(), trained.network.state_dict()
    assert all(torch.equal(restored[name], tensor) for name, tensor in state.items())
    assert [int(row["removed"]) for row in read_csv(history)] == [0, 2, 0, 0]
    assert read_removed_rows(weights).tolist() == training_rows(tiny_data.store, seeds_of(tiny_data))[[1, 3]].tolist()
    assert trained.metadata["trained_rows"] == 4
    assert trained.metadata["table"] == tiny_data.store.digest


def test_weights_that_do_not_tell_what_was_removed_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "weights.safetensors", {}, KIND, {"removed": [0, 2]})
    with pytest.raises(ValueError, match=r"weights\.safetensors: lacks removed_rows .*train them again"):
        read_removed_rows(tmp_path / "weights.safetensors")
