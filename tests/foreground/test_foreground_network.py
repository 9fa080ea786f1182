from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from older_weights import check_older_weights_are_refused
from torch import nn

from pipeline.foreground.network import (
    KIND,
    ForegroundNetwork,
    ForegroundNetworkParams,
    build_foreground,
    restore,
)
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.weights import save

PAPER = ForegroundNetworkParams("resnet50", True, "layer4", 2, (256, 128, 64), 64)
SMALL = ForegroundNetworkParams("resnet10_narrow", True, "layer4", 1, (16, 8), 32)


def test_the_papers_network_is_a_whole_resnet_and_four_transposed_convolutions() -> None:
    network = build_foreground(PAPER, PretrainedParams(None))
    deconvolutions = [layer for layer in network.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert [layer.in_channels for layer in deconvolutions] == [2048, 256, 128, 64]
    assert deconvolutions[-1].out_channels == 1


@pytest.mark.parametrize(
    ("shape", "side"),
    [
        (PAPER, 32),
        (SMALL, 16),
        (replace(SMALL, stem_pooling=False), 32),
        (replace(SMALL, last_layer="layer3"), 16),
        (replace(SMALL, last_stride=2, decoder_widths=(16, 8, 8)), 16),
        (replace(SMALL, backbone="tf_efficientnet_lite0", last_layer="layer3"), 16),
    ],
)
def test_masks_have_the_side_the_shape_announces(shape: ForegroundNetworkParams, side: int) -> None:
    images = torch.randn(1, 3, shape.input_size, shape.input_size)
    masks = build_foreground(shape, PretrainedParams(None)).eval()(images)
    assert shape.mask_size == side
    assert masks.shape == (1, side, side)


def test_an_input_the_backbone_cannot_divide_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="multiple of the backbone's stride 16, got 40"):
        build_foreground(replace(SMALL, input_size=40), PretrainedParams(None))


def saved(path: Path, shape: ForegroundNetworkParams = SMALL) -> ForegroundNetwork:
    """A network of the small shape whose weights lie at `path`, said to be of `shape`."""
    network = build_foreground(SMALL, PretrainedParams(None)).eval()
    save(path, network.state_dict(), KIND, {"network": asdict(shape)})
    return network


def test_a_network_comes_back_from_its_file_alone(tmp_path: Path) -> None:
    network, images = saved(tmp_path / "weights.safetensors"), torch.randn(2, 3, 32, 32)
    restored = restore(tmp_path / "weights.safetensors")
    assert restored.shape == SMALL
    assert torch.equal(restored(images), network(images))


def test_weights_of_another_shape_are_refused_by_file_name(tmp_path: Path) -> None:
    saved(tmp_path / "weights.safetensors", replace(SMALL, decoder_widths=(8, 8)))
    with pytest.raises(ValueError, match=r"weights\.safetensors: weights do not fit"):
        restore(tmp_path / "weights.safetensors")


def test_weights_of_an_older_version_are_refused_with_file_and_key(tmp_path: Path) -> None:
    saved(tmp_path / "weights.safetensors")
    check_older_weights_are_refused(tmp_path / "weights.safetensors", KIND, "network", "backbone", restore)
