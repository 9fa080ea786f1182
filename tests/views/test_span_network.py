import pytest
import torch
from torch import nn

from pipeline.networks.weights import Pretrained
from pipeline.views.network import Span, SpanArchitecture, build_span


@pytest.mark.parametrize(("stem_pooling", "side"), [(True, 16), (False, 32)])
def test_masks_are_half_the_input_with_the_stems_pooling_and_as_large_without(stem_pooling: bool, side: int) -> None:
    architecture = SpanArchitecture("resnet10", stem_pooling, 32)
    masks = Span(architecture, 3).eval()(torch.randn(2, 3, 32, 32))
    assert architecture.mask_size == side
    assert masks.shape == (2, 3, side, side)
    assert masks.min() >= 0
    assert masks.max() <= 1


def test_the_papers_generators_have_channels_256_128_64_1_and_end_without_a_norm() -> None:
    span = Span(SpanArchitecture("resnet34", True, 192), 3)
    for generator in span.generators:
        deconvolutions = [layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
        assert [layer.in_channels for layer in deconvolutions] == [256, 128, 64]
        assert deconvolutions[-1].out_channels == 1
        assert all(layer.kernel_size == (4, 4) and layer.stride == (2, 2) for layer in deconvolutions)
        norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert [layer.num_features for layer in norms] == [128, 64]


def test_there_is_one_generator_for_each_entry_of_a_label() -> None:
    assert Span(SpanArchitecture("resnet10", True, 32), 10).eval()(torch.randn(1, 3, 32, 32)).shape[1] == 10


def test_generators_share_nothing_but_the_encoder() -> None:
    span = Span(SpanArchitecture("resnet10", True, 32), 2).eval()
    span(torch.randn(1, 3, 32, 32))[:, 0].sum().backward()
    moved = [
        any(bool(p.grad.any()) for p in generator.parameters() if p.grad is not None) for generator in span.generators
    ]
    assert moved == [True, False]


def test_random_weights_are_kept_when_no_pretrained_ones_are_named() -> None:
    architecture = SpanArchitecture("resnet10", True, 32)
    torch.manual_seed(3)
    first = Span(architecture, 3).state_dict()
    torch.manual_seed(3)
    second = build_span(architecture, 3, Pretrained(None)).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_input_the_strides_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16, got 100"):
        Span(SpanArchitecture("resnet10", True, 100), 3)
