from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from pipeline.networks.backbone import ARCHITECTURES, Backbone, BackboneParams, resnet10
from pipeline.networks.weights import Pretrained
from pipeline.reid.models.baseline import Baseline
from pipeline.reid.models.pgan import Pgan
from pipeline.reid.models.span import SpanReid
from tests.reid.reid_example import architecture


@pytest.mark.parametrize(
    ("stem_pooling", "last_stride", "cells"), [(True, 1, 4), (True, 2, 2), (False, 1, 8), (False, 2, 4)]
)
def test_the_map_has_the_cells_that_pooling_and_strides_leave(stem_pooling: bool, last_stride: int, cells: int) -> None:
    backbone = Backbone(BackboneParams("resnet10_narrow", stem_pooling, last_stride)).eval()
    assert backbone(torch.zeros(1, 3, 64, 64)).shape == (1, backbone.width, cells, cells)


@pytest.mark.parametrize(
    ("name", "stem_width", "width"),
    [("resnet10_narrow", 128, 256), ("resnet18", 256, 512), ("resnet34", 256, 512), ("resnet50", 1024, 2048)],
)
def test_widths_follow_the_architecture(name: str, stem_width: int, width: int) -> None:
    backbone = Backbone(BackboneParams(name, True, 1))
    assert (backbone.stem_width, backbone.width) == (stem_width, width)
    stem = backbone.stem.eval()(torch.zeros(1, 3, 32, 32))
    assert stem.shape[1] == stem_width
    assert backbone.layer4.eval()(stem).shape[1:] == (width, 2, 2)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "resnet10_narrow"])
def test_last_stride_1_changes_no_weight_and_keeps_torchvisions_map_with_stride_2(name: str) -> None:
    network = ARCHITECTURES[name]().eval()
    backbone = Backbone(BackboneParams(name, True, 2)).eval()
    backbone.stem.load_state_dict(torch.nn.Sequential(*list(network.children())[:7]).state_dict())
    backbone.layer4.load_state_dict(network.layer4.state_dict())
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(network.fc(backbone(images).mean((2, 3))), network(images), atol=1e-5)
    fine = Backbone(BackboneParams(name, True, 1))
    assert {key: value.shape for key, value in fine.state_dict().items()} == {
        key: value.shape for key, value in backbone.state_dict().items()
    }


def test_unknown_architectures_and_strides_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="expected one of resnet10.*, got 'vgg'"):
        Backbone(BackboneParams("vgg", True, 1))
    with pytest.raises(ValueError, match="expected 1 or 2, got 4"):
        Backbone(BackboneParams("resnet10", True, 4))


def test_pretrained_weights_reach_every_copy_of_both_stages(tmp_path: Path) -> None:
    source = resnet10()
    path = tmp_path / "source.pth"
    torch.save(source.state_dict(), path)
    shape = architecture(architecture="resnet10")
    baseline, pgan, span = Baseline(shape, 3), Pgan(shape, 3), SpanReid(shape, 3)
    for model in (baseline, pgan, span):
        model.load_pretrained(Pretrained(str(path)))
    first = source.conv1.weight
    last = source.layer4[0].conv2.weight
    stems = [baseline.backbone.stem, pgan.backbone.stem, span.parts.stem]
    layers = [baseline.backbone.layer4, pgan.backbone.layer4, *(b.get_submodule("layer4") for b in span.parts.branches)]
    assert all(torch.equal(stem[0].weight, first) for stem in stems)
    assert all(torch.equal(layer[0].conv2.weight, last) for layer in layers)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "source.pth"
    torch.save(resnet18().state_dict(), path)
    with pytest.raises(ValueError, match="absent or of another shape"):
        Baseline(architecture(architecture="resnet34"), 3).load_pretrained(Pretrained(str(path)))


def test_no_source_keeps_the_random_weights() -> None:
    model = Baseline(architecture(), 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_pretrained(Pretrained(None))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
