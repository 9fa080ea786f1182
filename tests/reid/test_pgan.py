from types import ModuleType

import pytest
import torch

from pipeline.networks.cells import Cells
from pipeline.reid.blocks.masked_mean import mask_guided_mean
from pipeline.reid.blocks.part_grid import rasterise
from pipeline.reid.blocks.part_guidance import GuidanceParams, PartGuidance, part_guided
from pipeline.reid.models import fused, pgan
from pipeline.reid.network import ReidBatch
from tests.reid.reid_example import batch, network

CELLS = Cells(6, 0.5 / 6, 1 / 6)


def features_and_boxes() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(3, 5, 2, 2, generator=generator).sort(dim=2).values
    return torch.randn(3, 16, 6, 6, generator=generator), corners.flatten(2)


def features_and_masks() -> tuple[torch.Tensor, torch.Tensor]:
    features, boxes = features_and_boxes()
    return features, rasterise(boxes, CELLS)


def guidance(**changes: object) -> PartGuidance:
    torch.manual_seed(0)
    return PartGuidance(16, CELLS, GuidanceParams(**({"top_d": 5} | changes)))  # type: ignore[arg-type]


def guided(module: PartGuidance, features: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    return part_guided(features, module(features, boxes).cells)


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
    features, boxes = features_and_boxes()
    masks = rasterise(boxes, CELLS)
    module = guidance()
    weights = module.weights(features, masks)  # PGAN (4)
    literal = features.clone()
    for part in range(masks.shape[1]):
        part_map = masks[:, [part]] * features  # PGAN (2)
        literal = literal + weights[:, part, None, None, None] * part_map  # PGAN (3)
    assert torch.allclose(guided(module, features, boxes), literal, atol=1e-6)


def test_attention_weights_are_a_distribution_and_the_scale_multiplies_the_scores() -> None:
    features, masks = features_and_masks()
    printed, sharp = (guidance(score_scale=scale).weights(features, masks) for scale in (1.0, 10.0))
    assert torch.allclose(printed.sum(1), torch.ones(3))
    assert torch.allclose(sharp, torch.softmax(printed.log() * 10, 1), atol=1e-5)
    assert sharp.amax() > printed.amax()
    assert GuidanceParams().score_scale == 1, "PGAN (4) as printed"


def test_the_releases_layers_have_no_bias_and_one_norm_for_a_whole_matrix() -> None:
    paper, release = (guidance(attention_layers=layers) for layers in ("paper", "release"))
    norms = {"paper": (4, 1), "release": ()}
    for module, layers in ((paper, "paper"), (release, "release")):
        state = module.state_dict()
        assert state["pam.score.0.parametrizations.weight.original0"].shape == norms[layers]
        assert ("pam.score.0.bias" in state) == (layers == "paper")


def test_attention_does_not_depend_on_the_order_of_parts() -> None:
    features, boxes = features_and_boxes()
    order = [3, 1, 4, 0, 2]
    module = guidance()
    assert torch.allclose(guided(module, features, boxes), guided(module, features, boxes[:, order]), atol=1e-6)


def test_without_pam_every_part_counts_alike() -> None:
    features, masks = features_and_masks()
    module = guidance(attention="uniform")
    assert torch.equal(module.weights(features, masks), torch.full((3, 5), 0.2))
    assert not list(module.parameters())


def test_grid_attention_weighs_every_cell_by_its_own_feature_and_reads_no_parts() -> None:
    features, boxes = features_and_boxes()
    module = guidance(attention="grid")
    weights, attention = module(features, boxes)
    assert weights.shape == (3, 0)
    assert torch.allclose(attention.sum((1, 2)), torch.ones(3))
    assert torch.equal(attention, module(features, boxes[:, :0]).cells)
    assert module.pam is not None
    one_by_one = module.pam(torch.stack([features[:, :, row, column] for row in range(6) for column in range(6)], 1))
    assert torch.allclose(attention.flatten(1), one_by_one)
    model = network(pgan, attention="grid")
    assert (model.inputs, model.top_d) == ((), 0)


def test_without_parts_the_part_guided_map_is_the_global_one() -> None:
    features, boxes = features_and_boxes()
    for attention in ("parts", "uniform"):
        assert torch.equal(guided(guidance(top_d=0, attention=attention), features, boxes), features)
    model = network(pgan, top_d=0).eval()
    assert model.attention_cells is None
    with torch.no_grad():
        assert model(batch()).feature.isfinite().all()


@pytest.mark.parametrize("module", [pgan, fused])
@pytest.mark.parametrize("attention", ["parts", "grid"])
def test_a_network_tells_the_attention_its_feature_was_made_with(module: ModuleType, attention: str) -> None:
    torch.manual_seed(0)
    model = network(module, attention=attention).eval()
    given = batch()
    with torch.no_grad():
        output = model(given)
    weights, cells = output.attention
    assert model.attention_cells is not None
    assert cells.shape == (4, model.attention_cells.count, model.attention_cells.count)
    assert weights.shape == (4, model.top_d)
    if attention == "parts":
        masks = rasterise(given.boxes[:, :2], model.attention_cells)
        assert torch.allclose(weights.sum(1), torch.ones(4))
        assert torch.allclose(cells, (weights[..., None, None] * masks).sum(1))
    seen = []
    model.refine.fused.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    with torch.no_grad():
        model(given)
    whole, strengthened = seen[0].chunk(2, dim=1)
    assert torch.allclose(strengthened, whole * (1 + cells[:, None]))


def test_attention_weights_are_in_float32_under_mixed_precision() -> None:
    features, boxes = features_and_boxes()
    masks = rasterise(boxes, CELLS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights = guidance(score_scale=10.0).weights(features, masks)
    assert weights.dtype == torch.float32
    assert torch.allclose(weights.sum(1), torch.ones(3))


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
