from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.networks.weights import PretrainedParams
from pipeline.reid.models import pgan, span
from pipeline.reid.network import ReidShapeParams
from pipeline.reid.params import ModelParams, load_model

TRAINING: dict[str, Any] = {
    "backbone": "resnet10",
    "stem_pooling": True,
    "last_stride": 1,
    "input_size": 64,
    "pretrained": {"source": None},
    "identities_per_batch": 2,
    "images_per_identity": 2,
    "identity_weight": 1,
    "label_smoothing": 0,
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
    "views": {"network": "span", "triplet_weights": {"cpdm": 1}},
}


def load(tmp_path: Path, model: str, overrides: dict[str, Any] | None = None, **entries: Any) -> ModelParams:
    """Load a model on the data set `set` from a file with some entries of ``reid_models`` and overrides of the set."""
    document = {"train_reid": TRAINING, "reid_models": MODELS | entries, "overrides": {"set": overrides or {}}}
    YAML().dump(document, tmp_path / "params.yaml")
    return load_model(tmp_path / "params.yaml", "set", model)


def test_a_model_has_what_all_have_and_its_networks_own_parameters(tmp_path: Path) -> None:
    params = load(tmp_path, "parts")
    assert params.network == "pgan"
    assert params.own == pgan.NetworkParams(dimension=512, top_d=4, attention_temperature=10)
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
        ({"network": "resnet"}, "network: expected one of baseline, pgan, span, got 'resnet'"),
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
    ],
)
def test_a_wrong_entry_is_refused_with_its_model_and_key(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"params\.yaml: reid_models\.mine(: |\.){message}"):
        load(tmp_path, "mine", mine=entry)


def test_a_model_without_an_entry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"params\.yaml: section 'reid_models\.absent' is missing"):
        load(tmp_path, "absent")
