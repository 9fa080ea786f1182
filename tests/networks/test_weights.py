from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline.networks import weights
from pipeline.networks.weights import load, load_metadata, save


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"b": torch.randn(3, 4), "a": torch.arange(6).reshape(2, 3)}


def test_weights_come_back_with_their_facts(tmp_path: Path) -> None:
    save(tmp_path / "w.safetensors", state(), "span/1", {"size": 192})
    loaded, metadata = load(tmp_path / "w.safetensors", "span/1")
    assert metadata == load_metadata(tmp_path / "w.safetensors", "span/1") == {"kind": "span/1", "size": 192}
    assert list(loaded) == ["a", "b"]
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state().items())


def test_equal_weights_give_equal_bytes_whatever_name_and_order(tmp_path: Path) -> None:
    save(tmp_path / "one.safetensors", state(), "span/1", {"x": 1, "y": 2})
    save(tmp_path / "two.safetensors", dict(reversed(state().items())), "span/1", {"y": 2, "x": 1})
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_views_and_shared_tensors_are_saved_whole(tmp_path: Path) -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    save(tmp_path / "w.safetensors", {"tensor": tensor, "again": tensor, "turned": tensor.T}, "span/1", {})
    loaded, _ = load(tmp_path / "w.safetensors", "span/1")
    assert torch.equal(loaded["again"], tensor)
    assert torch.equal(loaded["turned"], tensor.T)


def test_weights_of_another_kind_or_none_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "w.safetensors", state(), "span/1", {})
    with pytest.raises(ValueError, match="expected weights of kind 'reid/1', got 'span/1'"):
        load(tmp_path / "w.safetensors", "reid/1")
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        load(tmp_path / "absent.safetensors", "span/1")
    (tmp_path / "text.safetensors").write_text("text")
    save_file(state(), tmp_path / "foreign.safetensors")
    for name in ("text", "foreign"):
        with pytest.raises(ValueError, match="not weights of this pipeline"):
            load(tmp_path / f"{name}.safetensors", "span/1")


def test_a_flipped_bit_anywhere_in_weights_is_refused_naming_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    state = {"half": torch.arange(4).half(), "flag": torch.tensor([True, False]), "count": torch.tensor(3)}
    weights.save(path, state, "test/1", {"shape": (2, 3), "rate": 0.1})
    content, (_, metadata) = path.read_bytes(), weights.load(path, "test/1")
    assert metadata == {"kind": "test/1", "shape": [2, 3], "rate": 0.1}
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.safetensors"):
            weights.load(path, "test/1")
