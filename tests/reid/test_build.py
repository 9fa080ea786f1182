import pickle
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from older_weights import check_older_weights_are_refused
from reid_example import CLASSES, OWN, batch, network, shape
from safetensors.torch import save_file

from pipeline.networks.architectures import build_architecture
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.weights import save
from pipeline.reid.build import KIND, load_first_weights, network_module, restore
from pipeline.reid.models import baseline, fused, pgan, span
from pipeline.reid.network import ReidNetwork
from pipeline.retrieval.distances import DISTANCES
from pipeline.store.files import file_digest

MODULES = [baseline, fused, pgan, span]


def saved(path: Path, module: ModuleType, **changes: Any) -> ReidNetwork:
    """The smallest network of a module, whose weights lie at `path` as those of the model `mine`."""
    name = module.__name__.rpartition(".")[2]
    made = network(module).eval()
    metadata = {
        "model": "mine",
        "network": name,
        "network_params": asdict(module.NetworkParams(**OWN[name])),
        "shape": asdict(shape()),
        "classes": CLASSES,
        "makers": {"parts": {"detector": "d"}},
    }
    save(path, made.state_dict(), KIND, metadata | changes)
    return made


@pytest.mark.parametrize("module", MODULES)
def test_every_network_is_found_by_the_name_of_its_module(module: ModuleType) -> None:
    found = network_module(module.__name__.rpartition(".")[2], "params.yaml")
    assert found.Network is module.Network
    assert found.NetworkParams is module.NetworkParams


def test_an_unknown_network_is_named_beside_those_there_are() -> None:
    with pytest.raises(ValueError, match="^here: network: expected one of .*pgan.*, got 'resnet'$"):
        network_module("resnet", "here")


@pytest.mark.parametrize("module", MODULES)
def test_networks_compare_by_a_known_distance_and_announce_their_blocks(module: ModuleType) -> None:
    made = network(module).eval()
    with torch.no_grad():
        assert made(batch()).feature.shape == (4, sum(made.dimensions))
    assert DISTANCES[made.distance].weighs_blocks == (len(made.dimensions) > 1)


@pytest.mark.parametrize("module", MODULES)
def test_a_model_comes_back_from_its_file_alone(module: ModuleType, tmp_path: Path) -> None:
    made = saved(tmp_path / "weights.safetensors", module)
    restored, metadata = restore(tmp_path / "weights.safetensors", "mine")
    assert not restored.training
    assert restored.shape == shape()
    assert metadata["makers"] == {"parts": {"detector": "d"}}
    with torch.no_grad():
        assert torch.equal(restored(batch()).feature, made(batch()).feature)


@pytest.mark.parametrize("module", MODULES)
def test_a_model_can_be_sent_to_a_worker(module: ModuleType) -> None:
    made = network(module).eval()
    sent = pickle.loads(pickle.dumps(made))
    assert not sent.training
    assert list(sent.state_dict()) == list(made.state_dict())
    with torch.no_grad():
        assert torch.equal(sent(batch()).feature, made(batch()).feature)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "weights.safetensors", baseline)
    with pytest.raises(ValueError, match=r"weights\.safetensors: expected weights of model 'pgan', got 'mine'"):
        restore(tmp_path / "weights.safetensors", "pgan")


def test_weights_of_a_network_that_is_gone_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "weights.safetensors", baseline, network="gone")
    with pytest.raises(ValueError, match=r"weights\.safetensors: network: expected one of baseline, .* got 'gone'"):
        restore(tmp_path / "weights.safetensors", "mine")


def test_weights_that_do_not_fit_their_parameters_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "weights.safetensors", baseline, network_params={"dimension": 32})
    with pytest.raises(ValueError, match=r"weights\.safetensors: weights do not fit"):
        restore(tmp_path / "weights.safetensors", "mine")


@pytest.mark.parametrize("module", MODULES)
def test_weights_of_an_older_version_are_refused_with_file_and_key(module: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    saved(path, module)
    check_older_weights_are_refused(path, KIND, "shape", "last_stride", lambda path: restore(path, "mine"))


def test_own_parameters_of_an_older_version_are_refused_with_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    saved(path, pgan, network_params={**OWN["pgan"], "heads": 2})
    message = "network_params: unknown key 'heads'; known keys are .*train them again"
    with pytest.raises(ValueError, match=rf"weights\.safetensors: {message}"):
        restore(path, "mine")


@pytest.mark.parametrize("module", MODULES)
def test_a_model_begins_with_the_weights_of_one_like_it_but_for_the_vehicles(
    module: ModuleType, tmp_path: Path
) -> None:
    file = tmp_path / "weights.safetensors"
    first = saved(file, module)
    other = type(first)(shape(), module.NetworkParams(**OWN[module.__name__.rpartition(".")[2]]), CLASSES + 4)
    own = other.neck.classifier.weight.clone()
    load_first_weights(other, PretrainedParams(str(file), file_digest(file)))
    expected = first.state_dict() | {"neck.classifier.weight": own}
    found = other.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_weights_that_are_no_models_go_to_the_backbone_alone(tmp_path: Path) -> None:
    made, file = network(baseline), tmp_path / "weights.safetensors"
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    save_file(build_architecture("resnet10_narrow").state_dict(), file)
    load_first_weights(made, PretrainedParams(str(file)))
    changed = {
        name.split(".")[0] for name, tensor in made.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert changed == {"backbone"}


def test_weights_of_another_model_or_kind_are_refused_as_first_ones(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    saved(file, baseline)
    with pytest.raises(ValueError, match=r"weights\.safetensors: weights do not fit their network: .*Missing key"):
        load_first_weights(network(pgan), PretrainedParams(str(file)))
    with pytest.raises(ValueError, match=r"weights\.safetensors: SHA-256 is .*, expected 00"):
        load_first_weights(network(baseline), PretrainedParams(str(file), "00"))
    save(file, network(baseline).state_dict(), "span/1", {})
    with pytest.raises(ValueError, match=r"weights\.safetensors: expected weights of kind 'reid/1', got 'span/1'"):
        load_first_weights(network(baseline), PretrainedParams(str(file)))
    with pytest.raises(FileNotFoundError, match="no such file of pretrained weights"):
        load_first_weights(network(baseline), PretrainedParams(str(tmp_path / "absent.safetensors")))
