from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from older_weights import check_older_weights_are_refused
from torch import nn

from pipeline.networks.architectures import build_architecture
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.weights import save
from pipeline.store.vocabulary import VIEWS
from pipeline.views.network import Span, SpanNetworkParams, build_span, restore
from pipeline.views.trained_on import KIND, read_trained_table


@pytest.mark.parametrize(("stem_pooling", "side"), [(True, 16), (False, 32)])
def test_masks_are_half_the_input_with_the_stems_pooling_and_as_large_without(stem_pooling: bool, side: int) -> None:
    shape = SpanNetworkParams("resnet10", stem_pooling, 32)
    masks = Span(shape, VIEWS).eval()(torch.randn(2, 3, 32, 32))
    assert shape.mask_size == side
    assert masks.shape == (2, 3, side, side)
    assert masks.min() >= 0
    assert masks.max() <= 1


def test_the_papers_generators_have_channels_256_128_64_1_and_end_without_a_norm() -> None:
    span = Span(SpanNetworkParams("resnet34", True, 192), VIEWS)
    for generator in span.generators:
        deconvolutions = [layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
        assert [layer.in_channels for layer in deconvolutions] == [256, 128, 64]
        assert deconvolutions[-1].out_channels == 1
        assert all(layer.kernel_size == (4, 4) and layer.stride == (2, 2) for layer in deconvolutions)
        norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert [layer.num_features for layer in norms] == [128, 64]


def test_there_is_one_generator_for_each_label() -> None:
    assert Span(SpanNetworkParams("resnet10", True, 32), "0123456789").eval()(torch.randn(1, 3, 32, 32)).shape[1] == 10


def test_generators_share_nothing_but_the_encoder() -> None:
    span = Span(SpanNetworkParams("resnet10", True, 32), ("cat", "dog")).eval()
    span(torch.randn(1, 3, 32, 32))[:, 0].sum().backward()
    moved = [
        any(bool(p.grad.any()) for p in generator.parameters() if p.grad is not None) for generator in span.generators
    ]
    assert moved == [True, False]


def test_random_weights_are_kept_when_no_pretrained_ones_are_named() -> None:
    shape = SpanNetworkParams("resnet10", True, 32)
    torch.manual_seed(3)
    first = Span(shape, VIEWS).state_dict()
    torch.manual_seed(3)
    second = build_span(shape, VIEWS, PretrainedParams(None)).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_network_of_timms_gives_its_first_stage_and_its_frozen_levels_keep_their_weights(tmp_path: Path) -> None:
    source = build_architecture("tf_efficientnet_lite0")
    torch.save(source.state_dict(), tmp_path / "lite.pth")
    shape = SpanNetworkParams("tf_efficientnet_lite0", True, 32, frozen_levels=3)
    span = build_span(shape, VIEWS, PretrainedParams(str(tmp_path / "lite.pth"))).train()
    assert span.width == 112
    assert span(torch.randn(2, 3, 32, 32)).shape == (2, 3, 16, 16)
    assert torch.equal(span.encoder[0].weight, source.conv_stem.weight)
    trained = [module for module in span.encoder if any(weight.requires_grad for weight in module.parameters())]
    assert trained == list(span.encoder)[4:]


def test_levels_without_pretrained_weights_are_not_frozen() -> None:
    shape = SpanNetworkParams("tf_efficientnet_lite0", True, 32, frozen_levels=3)
    with pytest.raises(ValueError, match=r"frozen_levels: expected 0 where pretrained\.source is null"):
        build_span(shape, VIEWS, PretrainedParams(None))


def test_an_input_the_strides_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16, got 100"):
        Span(SpanNetworkParams("resnet10", True, 100), VIEWS)


def saved(path: Path) -> Span:
    """A small SPAN whose weights lie at `path`."""
    shape = SpanNetworkParams("resnet10", True, 32)
    span = Span(shape, VIEWS).eval()
    save(path, span.state_dict(), KIND, {"network": asdict(shape), "views": list(VIEWS), "table": "abc"})
    return span


def test_a_network_comes_back_from_its_file_alone(tmp_path: Path) -> None:
    span, images = saved(tmp_path / "span.safetensors"), torch.randn(1, 3, 32, 32)
    restored = restore(tmp_path / "span.safetensors")
    assert restored.shape == span.shape
    assert torch.allclose(restored(images), span(images), atol=1e-5)


def test_a_span_of_other_labels_is_refused_by_who_needs_the_views(tmp_path: Path) -> None:
    span = saved(tmp_path / "span.safetensors")
    assert restore(tmp_path / "span.safetensors", VIEWS).labels == span.labels == VIEWS
    with pytest.raises(ValueError, match=r"span\.safetensors: expected a SPAN of the labels 1, 2, got one of front"):
        restore(tmp_path / "span.safetensors", ["1", "2"])


def test_the_table_trained_on_is_read_from_the_file(tmp_path: Path) -> None:
    saved(tmp_path / "span.safetensors")
    assert read_trained_table(tmp_path / "span.safetensors") == "abc"


def test_weights_of_an_older_version_are_refused_with_file_and_key(tmp_path: Path) -> None:
    saved(tmp_path / "span.safetensors")
    check_older_weights_are_refused(tmp_path / "span.safetensors", KIND, "network", "backbone", restore)
