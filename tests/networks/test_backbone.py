from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from pipeline.networks.architectures import RESNETS, resnet10
from pipeline.networks.backbone import Backbone, BackboneParams
from pipeline.networks.pretrained import PretrainedParams
from pipeline.reid.models import baseline as baseline_module
from pipeline.reid.models import pgan as pgan_module
from pipeline.reid.models import span as span_module
from pipeline.store.params import build
from tests.reid.reid_example import network


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
def test_widths_follow_the_backbone(name: str, stem_width: int, width: int) -> None:
    backbone = Backbone(BackboneParams(name, True, 1))
    assert (backbone.stem_width, backbone.width) == (stem_width, width)
    stem = backbone.stem.eval()(torch.zeros(1, 3, 32, 32))
    assert stem.shape[1] == stem_width
    assert backbone.layer4.eval()(stem).shape[1:] == (width, 2, 2)


@pytest.mark.parametrize("name", [name for name in RESNETS if name != "resnet10_narrow"])
def test_last_stride_1_changes_no_weight_and_keeps_torchvisions_map_with_stride_2(name: str) -> None:
    whole = RESNETS[name]().eval()
    backbone = Backbone(BackboneParams(name, True, 2)).eval()
    backbone.stem.load_state_dict(torch.nn.Sequential(*list(whole.children())[:7]).state_dict())
    backbone.layer4.load_state_dict(whole.layer4.state_dict())
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(whole.fc(backbone(images).mean((2, 3))), whole(images), atol=1e-5)
    fine = Backbone(BackboneParams(name, True, 1))
    assert {key: value.shape for key, value in fine.state_dict().items()} == {
        key: value.shape for key, value in backbone.state_dict().items()
    }


def test_unknown_backbones_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="backbone: expected one of resnet10.*, got 'vgg'"):
        Backbone(BackboneParams("vgg", True, 1))


def test_unknown_strides_are_refused_by_key() -> None:
    values = {"backbone": "resnet10", "stem_pooling": True, "last_stride": 4}
    with pytest.raises(ValueError, match=r"network\.last_stride: expected one of 1, 2, got 4"):
        build(BackboneParams, values, "network")


def test_pretrained_weights_reach_every_copy_of_both_stages(tmp_path: Path) -> None:
    source = resnet10()
    path = tmp_path / "source.pth"
    torch.save(source.state_dict(), path)
    baseline, pgan, span = (
        network(module, backbone="resnet10") for module in (baseline_module, pgan_module, span_module)
    )
    for model in (baseline, pgan, span):
        model.load_pretrained(PretrainedParams(str(path)))
    first = source.conv1.weight
    last = source.layer4[0].conv2.weight
    stems = [baseline.backbone.stem, pgan.backbone.stem, span.parts.stem]
    layers = [baseline.backbone.layer4, pgan.backbone.layer4, *(b.get_submodule("layer4") for b in span.parts.branches)]
    assert all(torch.equal(stem[0].weight, first) for stem in stems)
    assert all(torch.equal(layer[0].conv2.weight, last) for layer in layers)


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "source.pth"
    torch.save(resnet18().state_dict(), path)
    with pytest.raises(ValueError, match="absent or of another shape"):
        Backbone(BackboneParams("resnet34", True, 1)).load_pretrained(PretrainedParams(str(path)))


def test_no_source_keeps_the_random_weights() -> None:
    model = Backbone(BackboneParams("resnet10_narrow", True, 1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_pretrained(PretrainedParams(None))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_network_of_timms_is_divided_where_its_map_is_halved_last() -> None:
    whole = Backbone(BackboneParams("tf_efficientnet_lite0", True, 2)).eval()
    assert (whole.stem_width, whole.width) == (112, 320)
    stem = whole.stem(torch.zeros(1, 3, 64, 64))
    assert stem.shape == (1, 112, 4, 4)
    assert whole.layer4(stem).shape == (1, 320, 2, 2)
    fine = Backbone(BackboneParams("tf_efficientnet_lite0", True, 1)).eval()
    assert fine(torch.zeros(1, 3, 64, 64)).shape == (1, 320, 4, 4)
    early = Backbone(BackboneParams("tf_efficientnet_lite0", True, 2, levels=6)).eval()
    assert (early.stem_width, early.width) == (40, 112)
    assert early(torch.zeros(1, 3, 64, 64)).shape == (1, 112, 4, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": 9}, "levels: expected at most the 8 of tf_efficientnet_lite0, got 9"),
        ({"levels": 2}, "levels: expected some after the stem that halve the map of tf_efficientnet_lite0, got 2"),
        ({"levels": 6, "frozen_levels": 5}, "frozen_levels: expected at most the 4 of the first stage, got 5"),
        ({"levels": 6, "second_levels": 6}, "second_levels: expected fewer than the 6 levels of tf_eff.*, got 6"),
        ({"stem_pooling": False}, "stem_pooling: expected true, because tf_efficientnet_lite0 has no pooling"),
    ],
)
def test_levels_that_a_backbone_does_not_have_are_refused(changes: dict[str, int], message: str) -> None:
    values = {"backbone": "tf_efficientnet_lite0", "stem_pooling": True, "last_stride": 2} | changes
    with pytest.raises(ValueError, match=message):
        Backbone(BackboneParams(**values))


def test_frozen_levels_keep_weights_and_statistics_and_the_others_are_trained() -> None:
    torch.manual_seed(0)
    backbone = Backbone(BackboneParams("resnet10_narrow", True, 1, frozen_levels=2)).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    optimiser = torch.optim.SGD([value for value in backbone.parameters() if value.requires_grad], lr=0.1)
    backbone(torch.randn(4, 3, 32, 32)).square().mean().backward()
    optimiser.step()
    changed = {name for name, value in backbone.state_dict().items() if not torch.equal(value, before[name])}
    frozen = {f"stem.{number}." for number in range(5)}  # stem: convolution, norm, ReLU, pooling; first layer
    assert not [name for name in changed if name.startswith(tuple(frozen))]
    assert {name.split(".")[0] for name in changed} == {"stem", "layer4"}


def test_the_second_stage_may_begin_later_than_the_last_halving() -> None:
    shape = BackboneParams("tf_efficientnet_lite0", True, 2, levels=6)
    halving, later = Backbone(shape).eval(), Backbone(replace(shape, second_levels=1)).eval()
    assert (halving.stem_width, later.stem_width, later.width) == (40, 80, 112)
    later.stem.load_state_dict(nn.Sequential(*halving.stem, halving.layer4[0]).state_dict())
    later.layer4.load_state_dict(halving.layer4[1].state_dict())
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(later(images), halving(images))


def test_the_last_halving_gets_the_stride_though_it_lies_in_the_first_stage() -> None:
    shape = BackboneParams("tf_efficientnet_lite0", True, 1, levels=6, second_levels=1)
    assert Backbone(shape).eval()(torch.zeros(1, 3, 64, 64)).shape[2:] == (8, 8)


def test_levels_without_pretrained_weights_are_not_frozen() -> None:
    backbone = Backbone(BackboneParams("resnet10_narrow", True, 1, frozen_levels=1))
    with pytest.raises(ValueError, match=r"frozen_levels: expected 0 where pretrained\.source is null"):
        backbone.load_pretrained(PretrainedParams(None))
