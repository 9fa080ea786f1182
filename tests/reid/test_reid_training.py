from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData
from reid_example import OWN, SIZE

from pipeline.maps.columns import joined
from pipeline.networks.architectures import build_architecture
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.runtime import start
from pipeline.networks.stage import Stage
from pipeline.reid import samples, training
from pipeline.reid.augmentation import Sample
from pipeline.reid.build import KIND, restore
from pipeline.reid.embedding import EmbedParams, embed
from pipeline.reid.models import pgan
from pipeline.reid.network import ReidBatch
from pipeline.reid.params import ModelParams, ReidTrainingParams
from pipeline.reid.samples import ReidLoader, open_sources
from pipeline.reid.training import build_network, classes_of, train, training_rows
from pipeline.training.loop import Trained

PARAMS = ModelParams(
    training=ReidTrainingParams(
        backbone="resnet10_narrow",
        stem_pooling=True,
        last_stride=1,
        input_size=SIZE,
        pretrained=PretrainedParams(None),
        identities_per_batch=2,
        together=(),
        images_per_identity=2,
        identity_weight=1,
        label_smoothing=0,
        triplet="batch_hard",
        triplet_weights={"fused": 1, "global": 0.5, "part": 0},
        triplet_margin=0.3,
        flip_probability=0.5,
        erase_probability=0,
        epochs=2,
        learning_rate=1e-3,
        weight_decay=0,
        warmup_epochs=0,
        warmup_start=1,
        decay="constant",
        decay_every=1,
        decay_factor=1,
    ),
    network="pgan",
    own=pgan.NetworkParams(**OWN["pgan"]),
)


def run(data: TinyData, seed: int = 0, params: ModelParams = PARAMS, frozen_maps: int = 0) -> Trained:
    runtime = replace(RUNTIME, seed=seed, frozen_maps=frozen_maps)
    fabric = start(runtime)
    rows = training_rows(data.store)
    network = build_network(params, data.store, rows)
    sources = open_sources(data.store, data.path, network.inputs)
    return train(network, sources, rows, params, runtime, fabric)


def test_models_are_trained_on_the_split_train_alone(tiny_data: TinyData) -> None:
    store = tiny_data.store
    assert training_rows(store).tolist() == [0, 1, 2, 3]
    assert classes_of(store, training_rows(store)) == {"0001": 0, "0002": 1}
    store.splits[:] = "gallery"
    with pytest.raises(ValueError, match=r"tiny\.h5: no images in split 'train'"):
        training_rows(store)


def test_frozen_levels_that_are_passed_once_give_the_same_weights(tiny_data: TinyData, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(build_architecture("resnet10_narrow").state_dict(), file)
    changed = replace(PARAMS.training, frozen_levels=2, pretrained=PretrainedParams(str(file)))
    params = replace(PARAMS, training=changed)
    trained = [run(tiny_data, params=params, frozen_maps=room) for room in (64, 0)]
    kept, computed = (each.network.state_dict() for each in trained)
    assert all(torch.equal(kept[name], computed[name]) for name in kept)
    assert all(module.maps is None for module in trained[0].network.modules() if isinstance(module, Stage))


def test_training_repeats_bit_for_bit_and_depends_on_the_seed(tiny_data: TinyData) -> None:
    trained = run(tiny_data)
    first, again, other = (found.network.state_dict() for found in (trained, run(tiny_data), run(tiny_data, seed=1)))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert [row["epoch"] for row in trained.history] == [0, 1]
    assert set(trained.history[0]) == {"epoch", "learning_rate", "loss", "identity", "triplet_fused", "triplet_global"}


def test_a_vehicle_of_too_few_images_has_no_two_alike_in_a_batch(
    tiny_data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []

    def noting(items: list[tuple[Sample, int]]) -> ReidBatch:
        batch = samples.collate(items)
        seen.append(batch.images.flatten(1))
        return batch

    monkeypatch.setattr(training, "collate", noting)
    changes = replace(PARAMS.training, images_per_identity=4, erase_probability=1, epochs=None, iterations=3)
    first, again = (run(tiny_data, params=replace(PARAMS, training=changes)) for _ in range(2))
    assert len(seen) == 6
    assert all(len(images.unique(dim=0)) == 8 for images in seen)
    assert all(torch.equal(one, other) for one, other in zip(seen[:3], seen[3:], strict=True))
    assert first.history == again.history


def test_what_training_writes_restores_the_model_and_says_what_made_its_parts(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    trained = run(tiny_data)
    trained = replace(trained, metadata=trained.metadata | {"model": "mine"})
    trained.write(tmp_path / "weights.safetensors", KIND, tmp_path / "history.csv")
    restored, metadata = restore(tmp_path / "weights.safetensors", "mine")
    state = trained.network.state_dict()
    assert all(torch.equal(restored.state_dict()[name], tensor) for name, tensor in state.items())
    assert metadata["table"] == tiny_data.store.digest
    assert metadata["classes"] == 2
    sources = open_sources(tiny_data.store, tiny_data.path, restored.inputs)
    assert metadata["makers"] == sources.makers


def test_features_come_in_the_order_asked_for_whatever_the_batch(tiny_data: TinyData) -> None:
    network = run(tiny_data).network
    load = ReidLoader(open_sources(tiny_data.store, tiny_data.path, network.inputs), SIZE, {})

    def features(rows: list[int], size: int) -> np.ndarray:
        blocks = list(embed(network, load, rows, EmbedParams(size, mirrored_too=False), RUNTIME, start(RUNTIME)))
        assert [len(block["features"]) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
        assert all(block["area_ratios"][:, 0].min() == 1 for block in blocks)
        return joined(blocks)["features"]

    forwards, backwards = features([4, 5, 6, 7], 3), features([7, 6, 5, 4], 4)
    assert forwards.shape == (4, 16)
    np.testing.assert_allclose(forwards, backwards[::-1], atol=1e-5)
