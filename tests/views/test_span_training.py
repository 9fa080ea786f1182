from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData
from torch import Tensor, nn

from pipeline.artifacts.foreground import open_foreground
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.runtime import start
from pipeline.store.files import read_csv
from pipeline.store.vocabulary import VIEWPOINTS, VIEWS
from pipeline.training.loop import ScheduleParams, Trained
from pipeline.views.labels import ImageLabels, labels_of, viewpoint_labels
from pipeline.views.limits import MarginParams, MaxAreaParams
from pipeline.views.losses import area_loss, diversity_loss, reconstruction_loss
from pipeline.views.network import Span, SpanNetworkParams, restore
from pipeline.views.samples import SpanAugmentationParams, SpanBatch
from pipeline.views.trained_on import KIND
from pipeline.views.training import LabelLoss, SpanLoss, SpanLossParams, SpanTrainingParams, train

ONE_EPOCH = ScheduleParams(1, 1e-3, 0.0, 0.0, 1.0, "constant", 1, 1.0)
TRAINING = SpanTrainingParams(
    dataset="tiny",
    labels=VIEWS,
    network=SpanNetworkParams("resnet10", True, 32),
    pretrained=PretrainedParams(None),
    images_per_label_set=None,
    batch_size=2,
    augmentation=SpanAugmentationParams(0.5, {"side": 0.5}, 0.2, 0.1),
    weights=SpanLossParams(1.0, 0.5, 2.0),
    max_area=MaxAreaParams(alone=1.0, several=0.7, exceptions={"front-side": {"front": 0.7, "side": 0.4}}),
    margins=MarginParams(together=0.04, apart=0.0, exceptions={"rear-side": 0.05}),
    warmup=ONE_EPOCH,
    schedule=replace(ONE_EPOCH, epochs=2),
)


LABELS = ImageLabels(VIEWS, np.array(list(VIEWPOINTS.values()), bool), np.arange(5))
"""Of five images, one of each viewpoint."""


class Masks(nn.Module):
    """A network whose masks are given."""

    def __init__(self, masks: Tensor) -> None:
        super().__init__()
        self.masks = masks

    def forward(self, _: Tensor) -> Tensor:
        return self.masks


def batch_of(*names: str) -> SpanBatch:
    codes = [list(VIEWPOINTS).index(name) for name in names]
    images = torch.zeros(len(names), 3, 8, 8, dtype=torch.uint8)
    return {"images": images, "foreground": torch.ones(len(names), 4, 4), "label_sets": torch.tensor(codes)}


def test_losses_are_weighted_and_use_the_viewpoints_own_labels_areas_and_margins() -> None:
    masks = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    batch = batch_of("front-side", "rear")
    labels = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    margins = torch.tensor([[0, 0, 0.04], [0, 0, 0.05], [0, 0, 0]])
    found = SpanLoss(TRAINING, LABELS)(Masks(masks), batch)
    assert torch.allclose(found["reconstruction"], reconstruction_loss(masks, labels, batch["foreground"]))
    limits = torch.tensor([[0.7, 0, 0.4], [0, 1.0, 0]])
    assert torch.allclose(found["area"], 0.5 * area_loss(masks, batch["foreground"], limits))
    assert torch.allclose(found["diversity"], 2 * diversity_loss(masks, margins))


def test_a_loss_of_weight_zero_is_left_out() -> None:
    training = replace(TRAINING, weights=SpanLossParams(1.0, 0.0, 0.5))
    assert set(SpanLoss(training, LABELS)(Masks(torch.rand(1, 3, 4, 4)), batch_of("side"))) == {
        "reconstruction",
        "diversity",
    }


def test_parameters_that_leave_nothing_to_learn_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one of SPAN's losses"):
        SpanLoss(replace(TRAINING, weights=SpanLossParams(0.0, 0.0, 0.0)), LABELS)


def test_images_with_other_labels_than_the_parameters_name_are_refused() -> None:
    digits = labels_of(["0", "1"], np.eye(2, dtype=bool))
    with pytest.raises(ValueError, match="labels: expected 0, 1, with which the images are labelled, got front, rear,"):
        SpanLoss(TRAINING, digits)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ()}, "labels: expected one or more, all different"),
        ({"labels": ("front", "rear", "side", "front")}, "labels: expected one or more, all different"),
        ({"labels": ("front", "rear", "side", "left-side")}, "without '-', got"),
        (
            {"labels": ("front", "side")},
            "margins.exceptions: expected labels among front, side, joined by -, got 'rear",
        ),
        ({"margins": MarginParams(0.0, 0.0, {"front": 0.1})}, "expected two labels joined by -, got 'front'"),
        ({"margins": MarginParams(0.0, 0.0, {"side-side": 0.1})}, "margins.exceptions: expected labels among"),
        ({"max_area": MaxAreaParams(1.0, 0.7, {"front-roof": {"front": 1.0}})}, "max_area.exceptions: expected labels"),
        (
            {"max_area": MaxAreaParams(1.0, 0.7, {"front-side": {"front": 0.7}})},
            "max_area.exceptions.front-side: expected a of front, side, got a of front",
        ),
        (
            {"augmentation": SpanAugmentationParams(0.0, {"roof": 0.5}, 0.0, 0.0)},
            "augmentation.slanted: expected labels of front, rear, side, got 'roof'",
        ),
    ],
)
def test_what_the_parameters_say_of_labels_must_be_about_those_they_list(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TRAINING, **changes)


def test_the_warm_up_asks_which_labels_an_image_carries() -> None:
    batch = batch_of("front-side", "rear")
    certain = torch.tensor([[9.0, -9, 9], [-9, 9, -9]])
    assert float(LabelLoss(LABELS)(Masks(certain), batch)["labels"]) < 1e-3
    assert float(LabelLoss(LABELS)(Masks(-certain), batch)["labels"]) > 8


def run(data: TinyData, training: SpanTrainingParams, seed: int = 0, scratch: Path | None = None) -> Trained[Span]:
    store, runtime = data.store, replace(RUNTIME, seed=seed)
    foreground = open_foreground(data.path("foreground"), store.digest)
    trained = train(store, viewpoint_labels(store), foreground, training, runtime, start(runtime), scratch)
    assert trained.metadata["images"] == 3
    assert trained.metadata["table"] == store.digest
    return trained


def test_training_repeats_bit_for_bit_and_depends_on_the_seed(tiny_data: TinyData) -> None:
    trained = run(tiny_data, TRAINING)
    first, again, other = (
        found.network.state_dict() for found in (trained, run(tiny_data, TRAINING), run(tiny_data, TRAINING, seed=1))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert [row["epoch"] for row in trained.history] == [0, 1, 2]
    assert "labels" in trained.history[0]
    assert "diversity" in trained.history[1]


def test_a_rule_trains_the_same_weights_as_a_table_of_the_same_values(tiny_data: TinyData) -> None:
    pairs = {"front-side": {"front": 0.7, "side": 0.7}, "rear-side": {"rear": 0.7, "side": 0.7}}
    areas = MaxAreaParams(0.0, 0.0, {view: {view: 1.0} for view in VIEWS} | pairs)
    margins = MarginParams(9.0, 9.0, {"front-rear": 0.0, "front-side": 0.04, "rear-side": 0.04})
    rule = replace(TRAINING, max_area=MaxAreaParams(1.0, 0.7, {}), margins=MarginParams(0.04, 0.0, {}))
    by_rule, by_table = (
        run(tiny_data, training).network.state_dict()
        for training in (rule, replace(TRAINING, max_area=areas, margins=margins))
    )
    assert all(torch.equal(by_rule[name], by_table[name]) for name in by_rule)


def test_span_learns_from_labels_of_any_kind(tiny_data: TinyData) -> None:
    store = tiny_data.store
    labels = labels_of(["dark", "light"], np.stack([np.arange(len(store)) % 2 == 0, np.arange(len(store)) >= 2], 1))
    training = replace(
        TRAINING,
        labels=("dark", "light"),
        augmentation=SpanAugmentationParams(0.5, {"light": 0.5}, 0.2, 0.1),
        max_area=MaxAreaParams(1.0, 0.7, {}),
        margins=MarginParams(0.04, 0.0, {}),
    )
    foreground = open_foreground(tiny_data.path("foreground"), store.digest)
    trained = train(store, labels, foreground, training, RUNTIME, start(RUNTIME), None)
    assert trained.network.labels == ("dark", "light")
    assert trained.metadata["views"] == ["dark", "light"]
    assert trained.network(torch.zeros(1, 3, 32, 32)).shape == (1, 2, 16, 16)


def test_the_papers_training_has_no_warm_up(tiny_data: TinyData) -> None:
    trained = run(tiny_data, replace(TRAINING, warmup=replace(ONE_EPOCH, epochs=0)))
    assert [row["epoch"] for row in trained.history] == [0, 1]


def test_either_phase_may_be_as_long_as_its_iterations(tiny_data: TinyData) -> None:
    three = replace(ONE_EPOCH, epochs=None, iterations=3)  # an epoch has two batches
    trained = run(tiny_data, replace(TRAINING, warmup=three, schedule=replace(three, iterations=1)))
    assert [row["epoch"] for row in trained.history] == [0, 1, 2]
    assert ["labels" in row for row in trained.history] == [True, True, False]


def test_the_warm_up_moves_the_encoder_alone(tiny_data: TinyData) -> None:
    untrained = replace(TRAINING, schedule=replace(ONE_EPOCH, epochs=0))
    start(RUNTIME)
    before = Span(TRAINING.network, VIEWS).state_dict()
    after = run(tiny_data, untrained).network.state_dict()
    moved = {name.partition(".")[0] for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert moved == {"encoder"}


def test_what_training_writes_restores_the_network_and_both_phases_of_its_history(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    trained = run(tiny_data, TRAINING)
    trained.write(tmp_path / "span.safetensors", KIND, tmp_path / "history.csv")
    restored, state = restore(tmp_path / "span.safetensors").state_dict(), trained.network.state_dict()
    assert all(torch.equal(restored[name], tensor) for name, tensor in state.items())
    phases = [(row["labels"] != "", row["diversity"] != "") for row in read_csv(tmp_path / "history.csv")]
    assert phases == [(True, False), (False, True), (False, True)]


def test_both_phases_keep_their_end_until_the_weights_stand(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = run(tiny_data, TRAINING, scratch=tmp_path / "scratch")
    monkeypatch.setattr(LabelLoss, "__call__", None)  # neither phase takes a step
    monkeypatch.setattr(SpanLoss, "__call__", None)
    again = run(tiny_data, TRAINING, scratch=tmp_path / "scratch")
    assert again.history == straight.history
    state = again.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in straight.network.state_dict().items())
