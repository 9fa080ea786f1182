from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tiny_run import PROJECT

from pipeline.networks.pretrained import PretrainedParams
from pipeline.reid.models import pgan, span
from pipeline.reid.network import ReidShapeParams
from pipeline.reid.params import ModelParams, ReidTrainingParams, load_model
from pipeline.store.params import read

TRAINING: dict[str, Any] = {
    "backbone": "resnet10",
    "stem_pooling": True,
    "last_stride": 1,
    "input_size": 64,
    "pretrained": {"source": None},
    "identities_per_batch": 2,
    "together": [],
    "images_per_identity": 2,
    "identity_weight": 1,
    "label_smoothing": 0,
    "triplet": "batch_hard",
    "triplet_weights": {},
    "triplet_margin": 0.3,
    "flip_probability": 0.5,
    "erase_probability": 0.5,
    "epochs": 2,
    "learning_rate": 1e-3,
    "weight_decay": 0,
    "warmup_epochs": 0,
    "warmup_start": 1,
    "decay": "constant",
    "decay_every": 1,
    "decay_factor": 1,
}
MODELS: dict[str, Any] = {
    "whole": {"network": "baseline", "triplet_weights": {"global": 1}},
    "parts": {"network": "pgan", "top_d": 4, "triplet_weights": {"fused": 1, "global": 1, "part": 1}, "epochs": 3},
    "views": {"network": "span", "triplet_weights": {"feature": 1}},
}


def load(tmp_path: Path, model: str, overrides: dict[str, Any] | None = None, **entries: Any) -> ModelParams:
    """Load a model on the data set `set` from a file with some entries of ``reid_models`` and overrides of the set."""
    document = {"train_reid": TRAINING, "reid_models": MODELS | entries, "overrides": {"set": overrides or {}}}
    YAML().dump(document, tmp_path / "params.yaml")
    return load_model(tmp_path / "params.yaml", "set", model)


def test_a_model_has_what_all_have_and_its_networks_own_parameters(tmp_path: Path) -> None:
    params = load(tmp_path, "parts")
    assert params.network == "pgan"
    assert params.own == pgan.NetworkParams(dimension=512, top_d=4)
    assert params.shape == ReidShapeParams("resnet10", True, 1, 64)
    assert params.training.triplet_weights == {"fused": 1, "global": 1, "part": 1}
    assert params.training.pretrained == PretrainedParams(None)
    assert params.training.epochs == 3
    assert load(tmp_path, "views").own == span.NetworkParams()


def test_the_data_set_wins_over_the_model_and_its_entry_of_the_model_over_all(tmp_path: Path) -> None:
    whole = {"epochs": 9, "input_size": 96, "triplet_weights": {"part": 0}}
    own = {"reid_models": {"parts": {"input_size": 128, "top_d": 6}}}
    params = load(tmp_path, "parts", {"train_reid": whole, **own})
    assert (params.training.epochs, params.training.input_size, params.own.top_d) == (9, 128, 6)
    assert params.training.triplet_weights == {"fused": 1, "global": 1, "part": 0}
    assert load(tmp_path, "whole", {"train_reid": {"epochs": 9}, **own}).training.input_size == 64


def test_two_models_may_share_a_network(tmp_path: Path) -> None:
    params = load(tmp_path, "few", few={**MODELS["parts"], "top_d": 2})
    assert (params.network, params.own.top_d) == ("pgan", 2)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"network": "resnet"}, "network: expected one of .*pgan.*, got 'resnet'"),
        ({"epochs": 3}, "key 'network' is missing; it names a module of pipeline/reid/models"),
        ({"network": 3}, "key 'network' is missing"),
        (
            {"network": "baseline", "top_d": 4},
            "unknown key 'top_d'; known keys of network baseline are backbone, .*, dimension, .*, warmup_start",
        ),
        ({"network": "span", "dimension": 4}, "unknown key 'dimension'; .* of network span are .*part_dimension"),
        ({"network": "pgan", "top_d": -1}, r"top_d: expected 0 or more, got -1"),
        ({"network": "pgan", "dimension": 8.5}, r"dimension: expected a whole number, got 8\.5"),
        ({"network": "pgan", "label_smoothing": 2}, "label_smoothing: expected 1 or less, got 2"),
        (
            {"network": "pgan", "together": ["a", "../x"]},
            r"together\[1\]: expected a data set's name of letters.* got '\.\./x'",
        ),
    ],
)
def test_a_wrong_entry_is_refused_with_its_model_and_key(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"params\.yaml: reid_models\.mine(: |\.){message}"):
        load(tmp_path, "mine", mine=entry)


def test_a_model_without_an_entry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"params\.yaml: section 'reid_models\.absent' is missing"):
        load(tmp_path, "absent")


def test_a_model_like_another_starts_from_all_of_its_values_on_the_data_set(tmp_path: Path) -> None:
    overrides = {"train_reid": {"epochs": 9}, "reid_models": {"parts": {"dimension": 64, "top_d": 3}}}
    entries = {
        "few": {"like": "parts", "top_d": 2, "triplet_weights": {"part": 0}},
        "fewer": {"like": "few", "top_d": 1},
    }
    few, fewer = (load(tmp_path, name, overrides, **entries) for name in entries)
    assert (few.network, few.own.dimension, few.own.top_d) == ("pgan", 64, 2)
    assert few.training.triplet_weights == {"fused": 1, "global": 1, "part": 0}
    assert few.training.epochs == 9
    assert (fewer.own.dimension, fewer.own.top_d, fewer.training.triplet_weights["part"]) == (64, 1, 0)
    own = {**overrides, "reid_models": overrides["reid_models"] | {"few": {"top_d": 5}}}
    assert load(tmp_path, "few", own, **entries).own.top_d == 5


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"mine": {"like": "parts", "network": "pgan"}}, "mine: expected network, or like"),
        ({"mine": {"like": 3}}, "mine: expected network, or like: the name of another model; got like: 3"),
        ({"mine": {"like": "mine"}}, r"mine\.like: expected a model that is not like this one, got 'mine'"),
        ({"mine": {"like": "other"}, "other": {"like": "mine"}}, r"other\.like: expected a model that is not like"),
        ({"mine": {"like": "absent"}}, r"mine\.like: expected the name of another model, got 'absent'"),
    ],
)
def test_a_model_like_no_other_or_like_itself_is_refused(tmp_path: Path, entries: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(tmp_path, "mine", **entries)


def test_every_model_of_the_project_can_be_built_on_its_data_sets() -> None:
    path = PROJECT / "params.yaml"
    for model in read(path)["reid_models"]:
        for dataset in ("veri776", "synthetic", "real_mini"):
            params = load_model(path, dataset, model)
            assert set(params.training.triplet_weights), model


def test_a_data_sets_epochs_need_a_models_iterations_cleared(tmp_path: Path) -> None:
    steps = {**MODELS["views"], "epochs": None, "iterations": 30}
    assert load(tmp_path, "steps", steps=steps).training.iterations == 30
    with pytest.raises(ValueError, match=r"reid_models\.steps: epochs, iterations: .*got epochs 9 and iterations 30"):
        load(tmp_path, "steps", {"train_reid": {"epochs": 9}}, steps=steps)
    whole = {"train_reid": {"epochs": 9, "iterations": None}}
    own = {"train_reid": {"epochs": 9}, "reid_models": {"steps": {"iterations": None}}}
    for overrides in (whole, own):
        training = load(tmp_path, "steps", overrides, steps=steps).training
        assert (training.epochs, training.iterations) == (9, None)
        assert load(tmp_path, "whole", overrides).training.epochs == 9
    back = {**own, "reid_models": {"steps": {"epochs": None}}}
    assert load(tmp_path, "steps", back, steps=steps).training.iterations == 30


def test_the_projects_models_have_their_papers_schedules() -> None:
    def training(model: str, dataset: str = "veri776") -> ReidTrainingParams:
        return load_model(PROJECT / "params.yaml", dataset, model).training

    pgan_rates = [training("pgan").factor(epoch, 130) for epoch in (0, 19, 20, 129)]
    assert pgan_rates == [1, 1, 0.5, 0.5**6]
    release = training("pgan_release")
    assert [release.factor(epoch, 130) for epoch in (0, 10, 30, 129)] == [0.01, 1, 0.5, 0.5**5]
    span = training("span_cpdm")
    assert (span.length, span.unit, span.triplet) == (30_000, "iteration", "adaptive")
    assert span.identities_per_batch * span.images_per_identity == 32
    assert {training(model, "synthetic").unit for model in ("baseline", "pgan", "span_cpdm")} == {"epoch"}
