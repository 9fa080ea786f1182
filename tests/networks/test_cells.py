import pytest
import torch
from torch import nn

from pipeline.networks.backbone import Backbone, BackboneParams
from pipeline.networks.cells import Cells, cells_of

SIDE = 192

STEMS = {True: [(7, 2, 3), (3, 2, 1)], False: [(7, 2, 3)]}
"""Kernel, stride and padding of a ResNet's stem, with its pooling and without."""


def centre_of_the_first_cell(layers: list[tuple[int, int, int]]) -> float:
    """Receptive-field arithmetic over (kernel, stride, padding): where cell 0 looks, pixels."""
    first, jump = 0.5, 1
    for kernel, stride, padding in layers:
        first += ((kernel - 1) / 2 - padding) * jump
        jump *= stride
    return first


def measured(network: nn.Module, cell: int) -> float:
    """Where a cell of a network as it is looks, pixels: the centroid of its squared gradient, over images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, SIDE, SIDE, generator=generator, requires_grad=True)
    middle = network(images)[:, :, cell, cell]
    (gradient,) = torch.autograd.grad((middle * torch.randn(middle.shape, generator=generator)).sum(), images)
    rows = gradient.square().sum((0, 1, 3))
    return float((rows * (torch.arange(SIDE) + 0.5)).sum() / rows.sum())


@pytest.mark.parametrize("name", ["resnet10_narrow", "resnet10", "resnet18", "resnet34", "resnet50"])
@pytest.mark.parametrize("stem_pooling", [True, False])
def test_cells_of_resnets_look_where_kernels_strides_and_paddings_put_them(name: str, stem_pooling: bool) -> None:
    backbone = Backbone(BackboneParams(name, stem_pooling, 1))
    expected = centre_of_the_first_cell([*STEMS[stem_pooling], (3, 1, 1), (3, 2, 1), (3, 2, 1)])
    stride = 16 if stem_pooling else 8
    for cells in (backbone.cells(64, of_first_stage=True), backbone.cells(64)):
        assert (cells.count, cells.step) == (64 // stride, stride / 64)
        assert cells.first * 64 == pytest.approx(expected, abs=0.01)
        assert abs(cells.first * 64 - stride / 2) > stride / 4, "equal cells of the image would fit as well"


def test_cells_of_tensorflows_padding_look_to_the_other_side() -> None:
    strided = [
        (3, 2, 0),
        (3, 2, 0),
        (5, 2, 1),
        (3, 2, 0),
    ]  # it pads an even size before the first pixel as little as it can
    backbone = Backbone(BackboneParams("tf_efficientnet_lite0", True, 1))
    assert backbone.cells(112).first * 112 == pytest.approx(centre_of_the_first_cell(strided), abs=0.01)


@pytest.mark.parametrize("stem_pooling", [True, False])
def test_the_gradient_of_random_networks_has_its_centroid_where_the_cell_looks(stem_pooling: bool) -> None:
    found, cell = [], 6 if stem_pooling else 12
    for seed in range(8):
        torch.manual_seed(seed)
        backbone = Backbone(BackboneParams("resnet10_narrow", stem_pooling, 1)).eval()
        found.append(measured(backbone, cell))
    stride = 16 if stem_pooling else 8
    expected = float(backbone.cells(SIDE).centres()[cell]) * SIDE
    assert sum(found) / len(found) == pytest.approx(expected, abs=stride / 8)


@pytest.mark.parametrize("last_stride", [1, 2])
def test_the_last_stride_changes_the_step_and_not_where_the_first_cell_looks(last_stride: int) -> None:
    cells = Backbone(BackboneParams("resnet10_narrow", True, last_stride)).cells(112)
    assert (cells.count, cells.step * 112) == (7 if last_stride == 1 else 4, 16 * last_stride)
    assert cells.first * 112 == pytest.approx(0.5, abs=1e-3)


def test_an_unpadded_network_looks_at_equal_cells() -> None:
    cells = cells_of(nn.Conv2d(3, 4, 4, stride=4), 32)
    assert cells.count == 8
    assert torch.allclose(cells.centres(), (torch.arange(8) + 0.5) / 8)


def test_measuring_leaves_the_network_and_the_random_numbers_as_they_were() -> None:
    torch.manual_seed(0)
    backbone = Backbone(BackboneParams("resnet10_narrow", True, 1))
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    state = torch.get_rng_state()
    backbone.cells(64)
    assert all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert backbone.training


def test_the_nearest_cell_is_that_with_the_nearest_centre() -> None:
    cells = Cells(count=7, first=0.5 / 112, step=1 / 7)
    positions = torch.linspace(0, 1, 101)
    expected = (positions[:, None] - cells.centres()).abs().argmin(1)
    assert torch.equal(cells.nearest(positions), expected)


def test_averages_cover_one_step_around_the_centre_within_the_image() -> None:
    weights = Cells(count=2, first=0.0, step=0.5).averaging(4)
    assert torch.allclose(weights, torch.tensor([[1.0, 0, 0, 0], [0, 0.5, 0.5, 0]]))
    assert torch.allclose(Cells(7, 0.5 / 112, 1 / 7).averaging(48).sum(1), torch.ones(7))


def test_a_network_that_passes_no_gradient_is_refused() -> None:
    class Blind(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, :, ::4, ::4] * 0

    with pytest.raises(ValueError, match="expected a network that passes a gradient on"):
        cells_of(Blind(), 32)


def test_cells_are_the_same_to_the_last_bit_on_any_number_of_threads() -> None:
    params = BackboneParams("tf_efficientnet_lite0", stem_pooling=True, last_stride=2, levels=6)
    backbone = Backbone(params)
    found = set()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.add((backbone.cells(160), backbone.cells(160, of_first_stage=True)))
    assert found == {(Cells(10, 15.5 / 160, 0.1), Cells(20, 7.5 / 160, 0.05))}
