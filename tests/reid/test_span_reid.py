import pytest
import torch
from torch import nn

from pipeline.networks.backbone import Backbone
from pipeline.reid.models import span
from pipeline.reid.models.span import Branch, PartFeatures
from pipeline.reid.network import ReidNetwork
from tests.reid.reid_example import batch, network, shape


def seeded() -> ReidNetwork:
    torch.manual_seed(0)
    return network(span)


def part_features() -> PartFeatures:
    return seeded().get_submodule("parts").eval()  # type: ignore[return-value]


def test_the_feature_is_the_global_block_followed_by_one_a_view() -> None:
    model = seeded().eval()
    with torch.no_grad():
        feature = model(batch()).feature
    assert model.dimensions == (12, 8, 8, 8)
    assert feature.shape == (4, 36)
    assert (model.distance, model.inputs) == ("cpdm", ("part_masks",))


def test_a_views_mask_reaches_its_own_block_only() -> None:
    parts = part_features()
    given = batch()
    masks = given.masks.clone()
    masks[:, 1] = 255 - masks[:, 1]
    with torch.no_grad():
        before, after = parts(given.images, given.masks), parts(given.images, masks)
    blocks = zip(before.split([12, 8, 8, 8], 1), after.split([12, 8, 8, 8], 1), strict=True)
    assert [torch.equal(first, second) for first, second in blocks] == [True, True, False, True]


def test_masks_multiply_the_map_of_the_first_stage() -> None:
    parts = part_features()
    given = batch()
    seen: list[torch.Tensor] = []
    for branch in parts.branches:
        branch.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    full = torch.full_like(given.masks, 255)
    full[:, 0] = 0
    with torch.no_grad():
        parts(given.images, full)
    assert not seen[1].any()
    assert torch.equal(seen[2], seen[0])
    assert torch.equal(seen[3], seen[0])


def test_training_compares_by_cpdm_and_keeps_gradients_finite_without_any_view() -> None:
    model = seeded().train()
    output = model(batch())
    assert output.logits.shape == (4, 3)
    assert set(output.distances) == {"feature"}
    (output.logits.square().sum() + output.distances["feature"].sum()).backward()
    gradients = {name: value.grad for name, value in model.named_parameters() if value.requires_grad}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())


def test_branches_start_equal_and_share_no_weights() -> None:
    branches = part_features().branches
    first, second = (next(branch.get_submodule("layer4").parameters()) for branch in list(branches)[:2])
    assert torch.equal(first, second)
    assert first.data_ptr() != second.data_ptr()


def test_normalised_features_have_length_1_each() -> None:
    model = network(span, normalised=True).eval()
    feature = model(batch()).feature
    blocks = torch.split(feature, list(model.dimensions), 1)
    assert all(torch.allclose(block.norm(dim=1), torch.ones(len(feature)), atol=1e-5) for block in blocks)


def test_a_view_averaged_over_its_mask_does_not_fade_with_the_masks_size() -> None:
    branch = Branch(nn.Identity(), 3, 3, normalised=False)
    nn.init.eye_(branch.head.project.weight)
    nn.init.zeros_(branch.head.project.bias)
    features, weights = torch.rand(1, 3, 1, 1).expand(1, 3, 4, 4), torch.zeros(1, 4, 4)
    weights[0, 0, 0] = 1
    masked = features * weights[:, None]
    assert torch.allclose(branch(masked, weights), features[..., 0, 0])
    assert torch.allclose(branch(masked, None), features[..., 0, 0] / 16)


@pytest.mark.parametrize(("last_stride", "cells"), [(2, 4), (1, 8)])
def test_a_view_is_averaged_where_the_cells_of_the_last_map_look(last_stride: int, cells: int) -> None:
    side = 128
    look = shape(backbone="resnet18", input_size=side, last_stride=last_stride)
    parts = PartFeatures(look, span.NetworkParams(global_dimension=12, part_dimension=8, within_views=True)).eval()
    weights: list[torch.Tensor] = []
    for branch in parts.branches:
        branch.register_forward_pre_hook(lambda _, inputs: weights.append(inputs[1]))
    ramp = torch.arange(side, dtype=torch.uint8).expand(1, 3, side, side)  # its mean around a place is that place
    with torch.no_grad():
        parts(torch.zeros(1, 3, side, side, dtype=torch.uint8), ramp)
    centres = Backbone(look).cells(side).centres() * side
    inner = centres > centres[1] - 1  # the first cell's window is cut by the border
    assert len(weights[1][0]) == len(centres) == cells
    assert torch.allclose(weights[1][0, 0, inner] * 255 + 0.5, centres[inner], atol=0.1)


def test_without_views_the_feature_is_the_global_one_and_no_mask_is_read() -> None:
    model = network(span, part_dimension=0, compared_by="euclidean").eval()
    given = batch()
    assert (model.dimensions, model.inputs, model.distance) == ((12,), (), "euclidean")
    with torch.no_grad():
        assert torch.equal(model(given).feature, model(given._replace(masks=given.masks[:, :, :0, :0])).feature)


def test_concatenated_and_embedded_features_are_compared_whole() -> None:
    for own, dimensions in (({}, (12, 8, 8, 8)), ({"embedded_dimension": 10}, (10,))):
        model = network(span, compared_by="euclidean", **own)
        assert (model.dimensions, model.inputs, model.distance) == (dimensions, ("part_masks",), "euclidean")
        output = model.train()(batch())
        assert set(output.distances) == {"feature"}
        with torch.no_grad():
            assert model.eval()(batch()).feature.shape == (4, sum(dimensions))


@pytest.mark.parametrize("own", [{"part_dimension": 0}, {"embedded_dimension": 10}])
def test_cpdm_of_a_feature_without_views_is_refused(own: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="compared_by: expected euclidean"):
        network(span, **own)
