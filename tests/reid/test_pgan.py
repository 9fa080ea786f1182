import pytest
import torch
from torch import nn

from pipeline.reid.blocks.part_attention import PartAttentionModule, mask_guided_mean
from pipeline.reid.blocks.part_grid import rasterise
from pipeline.reid.models import pgan
from pipeline.reid.models.pgan import part_guided
from pipeline.reid.network import ReidBatch
from tests.reid.reid_example import batch, network


def features_and_masks() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(3, 5, 2, 2, generator=generator).sort(dim=2).values
    return torch.randn(3, 16, 6, 7, generator=generator), rasterise(corners.flatten(2), 6, 7)


def attention(temperature: float = 1.0) -> PartAttentionModule:
    torch.manual_seed(0)
    return PartAttentionModule(16, temperature)


def test_the_mean_under_a_mask_is_that_of_its_cells() -> None:
    features, masks = features_and_masks()
    found = mask_guided_mean(features, masks)
    for image in range(3):
        for part in range(5):
            cells = features[image][:, masks[image, part] > 0]
            assert torch.allclose(found[image, part], cells.mean(1), atol=1e-5)


def test_an_empty_mask_has_mean_zero_and_a_finite_gradient() -> None:
    features, masks = features_and_masks()
    features.requires_grad_()
    found = mask_guided_mean(features, masks * 0)
    found.sum().backward()
    assert not found.detach().any()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_the_part_guided_map_equals_the_literal_sum_over_parts() -> None:
    features, masks = features_and_masks()
    module = attention()
    weights = module.weights(features, masks)  # PGAN (4)
    literal = features.clone()
    for part in range(masks.shape[1]):
        part_map = masks[:, [part]] * features  # PGAN (2)
        literal = literal + weights[:, part, None, None, None] * part_map  # PGAN (3)
    assert torch.allclose(part_guided(features, module(features, masks)), literal, atol=1e-6)


def test_attention_weights_are_a_distribution_and_the_temperature_flattens_it() -> None:
    features, masks = features_and_masks()
    sharp, flat = (attention(temperature).weights(features * 10, masks) for temperature in (1.0, 10.0))
    assert torch.allclose(sharp.sum(1), torch.ones(3))
    assert torch.allclose(flat, torch.softmax(sharp.log() / 10, 1), atol=1e-6)
    assert flat.amax() < sharp.amax()


def test_attention_does_not_depend_on_the_order_of_parts() -> None:
    features, masks = features_and_masks()
    order = [3, 1, 4, 0, 2]
    module = attention()
    assert torch.allclose(module.weights(features, masks)[:, order], module.weights(features, masks[:, order]))
    assert torch.allclose(module(features, masks), module(features, masks[:, order]), atol=1e-6)


def test_without_parts_the_part_guided_map_is_the_global_one() -> None:
    features, masks = features_and_masks()
    assert torch.equal(part_guided(features, attention()(features, masks[:, :0])), features)
    model = network(pgan, top_d=0).eval()
    with torch.no_grad():
        assert model(batch()).feature.isfinite().all()


def test_training_gives_logits_and_a_distance_for_each_triplet_loss() -> None:
    output = network(pgan).train()(batch())
    assert output.feature is None
    assert output.logits.shape == (4, 3)
    assert set(output.distances) == {"fused", "global", "part"}
    assert all(distance.shape == (4, 4) for distance in output.distances.values())


def test_the_feature_has_length_one_and_changes_with_the_boxes_it_is_given() -> None:
    torch.manual_seed(0)
    model = network(pgan).eval()
    given = batch()
    other = given._replace(boxes=given.boxes * 0.5)
    beyond = given._replace(boxes=torch.cat([given.boxes[:, :2], given.boxes[:, 2:] * 0.5], 1))
    with torch.no_grad():
        features = [model(ReidBatch(*item)).feature for item in (given, other, beyond)]
    assert torch.allclose(features[0].norm(dim=1), torch.ones(4))
    assert not torch.allclose(features[0], features[1])
    assert torch.equal(features[0], features[2]), "boxes beyond the first D changed the feature"


def test_attention_can_be_exchanged_for_one_that_needs_no_parts() -> None:
    class Even(nn.Module):
        def forward(self, features: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
            return features.new_full((features.shape[0], *features.shape[2:]), 0.1)

    model = network(pgan).eval()
    model.attention = Even()
    with torch.no_grad():
        assert model(batch()).feature.shape == (4, 16)


def test_every_trained_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    model = network(pgan).train()
    output = model(batch())
    (output.logits.square().sum() + sum(distance.sum() for distance in output.distances.values())).backward()
    without = [name for name, value in model.named_parameters() if value.requires_grad and value.grad is None]
    assert without == []


def test_a_dimension_that_the_refinement_cannot_make_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4, got 6"):
        network(pgan, dimension=12)
