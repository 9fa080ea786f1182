import torch

from pipeline.reid.blocks.distances import pairwise_cpdm
from pipeline.reid.blocks.part_grid import average_masks
from pipeline.reid.blocks.view_features import ViewParams
from pipeline.reid.models import fused
from pipeline.reid.models.fused import ViewFeatures
from pipeline.reid.network import ReidNetwork
from pipeline.retrieval.distances import paired_cpdm
from tests.reid.reid_example import batch, network


def seeded(**changes: object) -> ReidNetwork:
    torch.manual_seed(0)
    return network(fused, **changes)


def test_the_feature_is_the_fused_block_followed_by_one_a_view_each_of_its_own_length() -> None:
    model = seeded(view_scale=0.5).eval()
    with torch.no_grad():
        feature = model(batch()).feature
    assert model.dimensions == (16, 8, 8, 8)
    assert (model.distance, model.inputs, model.top_d) == ("cpdm", ("parts", "part_masks"), 2)
    lengths = torch.stack([block.norm(dim=1) for block in feature.split(model.dimensions, 1)], 1)
    shown = batch().area_ratios > 0
    assert torch.allclose(lengths[shown], torch.tensor([1, 0.5, 0.5, 0.5]).expand(4, 4)[shown], atol=1e-5)


def test_parts_reach_every_block_and_a_views_mask_its_own_alone() -> None:
    model = seeded().eval()
    given = batch()
    masks = given.masks.clone()
    masks[:, 2] = 255 - masks[:, 2]
    with torch.no_grad():
        before = model(given).feature.split(model.dimensions, 1)
        other_masks = model(given._replace(masks=masks)).feature.split(model.dimensions, 1)
        other_boxes = model(given._replace(boxes=given.boxes * 0.5)).feature.split(model.dimensions, 1)
    assert [torch.equal(a, b) for a, b in zip(before, other_masks, strict=True)] == [True, True, True, False]
    assert not torch.equal(before[0], other_boxes[0])


def test_training_gives_the_distances_of_both_papers_and_finite_gradients_everywhere() -> None:
    model = seeded().train()
    output = model(batch())
    assert set(output.distances) == {"fused", "global", "part", "cpdm", "views"}
    (output.logits.square().sum() + sum(distance.sum() for distance in output.distances.values())).backward()
    gradients = {name: value.grad for name, value in model.named_parameters() if value.requires_grad}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())


def test_the_distance_trained_on_is_the_one_of_the_test_features() -> None:
    model = seeded().eval()
    given = batch()
    with torch.no_grad():
        feature = model(given).feature
    trained = pairwise_cpdm(feature, given.area_ratios, model.dimensions)
    for first, second in ((0, 1), (1, 2), (0, 3)):
        sides = [feature[[row]] for row in (first, second)], [given.area_ratios[[row]] for row in (first, second)]
        assert torch.allclose(paired_cpdm(*sides[0], *sides[1], model.dimensions)[0], trained[first, second], atol=1e-5)


def test_a_views_feature_is_of_the_mean_under_its_mask_however_little_it_shows() -> None:
    torch.manual_seed(0)
    params = fused.NetworkParams()
    features, views = torch.randn(4, 16, 6, 6), ViewFeatures(16, 8, params).eval()
    masks = torch.zeros(4, 3, 6, 6)
    masks[:, 0, 2, 3] = 0.2
    whole = masks.clone()
    whole[:, 0, 2, 3] = 1.0
    assert torch.allclose(views(features, masks)[0], views(features, whole)[0], atol=1e-5)
    assert all(view.isfinite().all() for view in views(features, masks * 0))


def test_a_views_feature_may_be_spans_own_of_the_masked_map_averaged_everywhere_and_left_as_it_is() -> None:
    torch.manual_seed(0)
    features, masks = torch.randn(4, 16, 6, 6), torch.rand(4, 3, 6, 6)
    views = ViewFeatures(16, 8, ViewParams()).eval()
    for found, head, mask in zip(views(features, masks), views.heads, masks.unbind(1), strict=True):
        assert torch.allclose(found, head.project((features * mask[:, None]).mean((2, 3))), atol=1e-5)
    model = seeded(normalised=False, within_views=False).eval()
    with torch.no_grad():
        blocks = model(batch()).feature.split(model.dimensions, 1)
    lengths = torch.stack([block.norm(dim=1) for block in blocks], 1)
    assert torch.allclose(lengths[:, 0], torch.ones(4))
    assert (lengths[:3, 1:] != 1).all()


def test_the_masks_of_a_view_lie_on_the_cells_of_the_parts() -> None:
    model = seeded().eval()
    given = batch()
    seen: list[torch.Tensor] = []
    model.views.register_forward_hook(lambda _, inputs, __: seen.append(inputs[1]))
    with torch.no_grad():
        model(given)
    assert torch.equal(seen[0], average_masks(given.masks, model.guidance.cells))
