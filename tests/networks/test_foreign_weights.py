import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.networks.foreign import NESTINGS, PREFIXES, read_weights
from pipeline.networks.pretrained import PretrainedParams, load_pretrained

State = dict[str, Tensor]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))


def loads(path: Path) -> None:
    """Check that a file's weights, those of seed 1, come to lie in a network."""
    torch.manual_seed(1)
    expected = network().state_dict()
    filled = network()
    assert load_pretrained(filled, "linear", PretrainedParams(str(path))) == []
    assert all(torch.equal(tensor, expected[name]) for name, tensor in filled.state_dict().items())


@pytest.fixture
def state() -> State:
    torch.manual_seed(1)
    return dict(network().state_dict())


@pytest.mark.parametrize("key", NESTINGS)
def test_weights_load_from_the_usual_nestings(tmp_path: Path, state: State, key: str) -> None:
    torch.save({"epoch": 3, key: state, "optimizer": {"state": {}, "lr": 0.1}}, tmp_path / "w.pth")
    loads(tmp_path / "w.pth")


@pytest.mark.parametrize("prefix", [*PREFIXES, "module.model.backbone."])
def test_weights_load_under_the_usual_prefixes(tmp_path: Path, state: State, prefix: str) -> None:
    torch.save({f"{prefix}{name}": tensor for name, tensor in state.items()}, tmp_path / "w.pth")
    loads(tmp_path / "w.pth")


def test_a_backbone_is_found_among_other_weights(tmp_path: Path, state: State) -> None:
    content = {f"module.backbone.{name}": tensor for name, tensor in state.items()}
    save_file({**content, "module.head.weight": torch.ones(4)}, tmp_path / "w.safetensors")
    loads(tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ["w.pth.tar", "w.bin", "w.ckpt", "w.pt", "W.PTH"])
def test_torchs_files_may_have_any_usual_ending(tmp_path: Path, state: State, name: str) -> None:
    torch.save({"state_dict": state}, tmp_path / name)
    loads(tmp_path / name)


class Marks:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return (open, (str(self.path), "w"))


def cut(path: Path, state: State) -> None:
    save_file(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_pickle(path: Path, state: State) -> None:
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGED: dict[str, tuple[str, Callable[[Path, State], object], str]] = {
    "half": ("w.safetensors", cut, r"not a whole \.safetensors file"),
    "text": ("w.safetensors", lambda path, _: path.write_text("text"), r"not a whole \.safetensors file"),
    "empty": ("w.safetensors", lambda path, _: path.touch(), r"not a whole \.safetensors file"),
    "half a pickle": ("w.pth", cut_pickle, "damaged or no file of torch's"),
    "a text": ("w.pth", lambda path, _: path.write_text("version https://git-lfs"), "damaged or no file of torch's"),
    "an empty file": ("w.pth", lambda path, _: path.touch(), "damaged or no file of torch's"),
    "a network": ("w.pth", lambda path, _: torch.save(network(), path), "holds Python objects .* state_dict"),
    "a pickle": ("w.pth", lambda path, _: path.write_bytes(pickle.dumps(Marks(path.with_name("ran")))), "w.pth: "),
    "code": ("w.pth", lambda path, _: torch.save(Marks(path.with_name("ran")), path), "holds Python objects"),
    "a tensor": ("w.pth", lambda path, _: torch.save(torch.ones(2), path), "expected named weights, got Tensor"),
    "numbers": ("w.pth", lambda path, _: torch.save({"epoch": 3, "lr": 1.0}, path), "it holds epoch, lr"),
    "a list": ("w.pth", lambda path, _: torch.save([torch.ones(2)], path), "expected named weights, got list"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_cannot_be_loaded_is_named_in_one_line_and_runs_nothing(tmp_path: Path, state: State, kind: str) -> None:
    name, write, message = DAMAGED[kind]
    write(tmp_path / name, state)
    with pytest.raises(ValueError, match=rf"{tmp_path / name}: {message}|{message}") as caught:
        read_weights(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_network_say_what_they_are(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.ones(3, 3), "conv.bias": torch.ones(3)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"4 weights of linear .*; its 2 begin with conv\.weight, conv\.bias"):
        load_pretrained(network(), "linear", PretrainedParams(str(tmp_path / "w.pth")))


@pytest.mark.parametrize("source", ["IMAGENET1K_V9", "weights.safetensor", "resnet18.onnx"])
def test_a_misspelt_name_is_answered_with_those_there_are(source: str) -> None:
    with pytest.raises(ValueError, match=rf"expected IMAGENET1K_V1, DEFAULT, timm, or a file .*'{source}'"):
        load_pretrained(network(), "resnet18", PretrainedParams(source))
    with pytest.raises(ValueError, match="expected .*timm, or a file"):
        load_pretrained(network(), "tf_efficientnet_lite0", PretrainedParams(source))


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").mkdir()
    with pytest.raises(FileNotFoundError, match=r"w\.pth: no such file"):
        load_pretrained(network(), "linear", PretrainedParams(str(tmp_path / "w.pth")))
