from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from pipeline.foreground.network import ForegroundArchitecture, build_foreground, restore_foreground
from pipeline.networks.weights import Pretrained

PAPER = ForegroundArchitecture("resnet50", True, "layer4", 2, (256, 128, 64), 64)
SMALL = ForegroundArchitecture("resnet10_narrow", True, "layer4", 1, (16, 8), 32)


def test_the_papers_network_is_a_whole_resnet_and_four_transposed_convolutions() -> None:
    network = build_foreground(PAPER, Pretrained(None))
    deconvolutions = [layer for layer in network.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert [layer.in_channels for layer in deconvolutions] == [2048, 256, 128, 64]
    assert deconvolutions[-1].out_channels == 1


@pytest.mark.parametrize(
    ("architecture", "side"),
    [
        (PAPER, 32),
        (SMALL, 16),
        (replace(SMALL, stem_pooling=False), 32),
        (replace(SMALL, last_layer="layer3"), 16),
        (replace(SMALL, last_stride=2, decoder_widths=(16, 8, 8)), 16),
    ],
)
def test_masks_have_the_side_the_architecture_announces(architecture: ForegroundArchitecture, side: int) -> None:
    size = architecture.input_size
    masks = build_foreground(architecture, Pretrained(None)).eval()(torch.randn(1, 3, size, size))
    assert architecture.mask_size == side
    assert masks.shape == (1, side, side)


def test_an_input_the_encoder_cannot_divide_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="multiple of the encoder's stride 16, got 40"):
        build_foreground(replace(SMALL, input_size=40), Pretrained(None))


def test_a_network_comes_back_from_its_weights_and_metadata_alone() -> None:
    network = build_foreground(SMALL, Pretrained(None)).eval()
    metadata = {"architecture": {**asdict(SMALL), "decoder_widths": [16, 8]}}
    restored = restore_foreground(network.state_dict(), metadata, "file")
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(restored(images), network(images))


def test_weights_of_another_shape_or_without_architecture_are_refused_by_file_name() -> None:
    state = build_foreground(SMALL, Pretrained(None)).state_dict()
    with pytest.raises(ValueError, match="file: weights do not fit"):
        restore_foreground(state, {"architecture": asdict(replace(SMALL, decoder_widths=(8, 8)))}, "file")
    with pytest.raises(ValueError, match="file: its metadata have no architecture"):
        restore_foreground(state, {}, "file")
