import torch

from pipeline.reid.blocks.distances import pairwise_cpdm
from pipeline.reid.blocks.part_grid import average_masks
from pipeline.reid.blocks.view_features import ViewParams
from pipeline.reid.models import fused
from pipeline.reid.models.fused import ViewFeatures
from pipeline.reid.network import ReidNetwork
from pipeline.retrieval.distances import paired_cpdm
from pipeline.store.vocabulary import BLOCKS, PART_CLASSES
from tests.reid.reid_example import batch, network


def seeded(**changes: object) -> ReidNetwork:
    torch.manual_seed(0)
    return network(fused, **changes)


def test_the_feature_is_the_fused_block_then_one_a_view_then_one_a_part_class_where_it_is_shown() -> None:
    model = seeded().eval()
    given = batch()
    with torch.no_grad():
        feature, ratios = model(given).feature, model.ratios(given)
    assert model.dimensions == (16, 8, 8, 8, *[4] * len(PART_CLASSES))
    assert (model.distance, model.inputs) == ("cpdm", ("parts", "part_masks"))
    assert (model.top_d, model.boxes_read, model.ratio_count) == (2, 4, len(BLOCKS))
    lengths = torch.stack([block.norm(dim=1) for block in feature.split(model.dimensions, 1)], 1)
    assert torch.allclose(lengths[ratios > 0], torch.tensor(1.0), atol=1e-5)
    assert (lengths[:, 4:][ratios[:, 4:] == 0] == 0).all()


def test_a_view_counts_by_its_area_and_a_part_class_alike_wherever_it_is_shown() -> None:
    given = batch()
    ratios = seeded(view_ratio=0.25, part_ratio=0.5, class_least_score=0.2).ratios(given)
    assert torch.equal(ratios[:, 0], torch.ones(4))
    assert torch.allclose(ratios[:, 1:4], given.area_ratios[:, 1:] / 4)
    shown = {name: ratios[:, BLOCKS.index(name)].tolist() for name in PART_CLASSES}
    assert shown.pop(PART_CLASSES[3]) == [0.5, 0.5, 0.5, 0]
    assert shown.pop(PART_CLASSES[1]) == [0.5, 0.5, 0.5, 0]
    assert shown.pop(PART_CLASSES[14]) == [0.5, 0, 0.5, 0]
    assert all(not any(values) for values in shown.values())


def test_parts_reach_every_view_and_a_mask_its_own_block_alone() -> None:
    model = seeded().eval()
    given = batch()
    masks = given.masks.clone()
    masks[:, 2] = 255 - masks[:, 2]
    with torch.no_grad():
        before = model(given).feature.split(model.dimensions, 1)
        other_masks = model(given._replace(masks=masks)).feature.split(model.dimensions, 1)
        other_boxes = model(given._replace(boxes=given.boxes * 0.5)).feature.split(model.dimensions, 1)
    same = [torch.equal(a, b) for a, b in zip(before, other_masks, strict=True)]
    assert same == [name != "side" for name in BLOCKS]
    assert not any(torch.equal(before[place], other_boxes[place]) for place in range(4))


def test_a_box_reaches_the_block_of_its_class_alone_where_pam_does_not_read_it() -> None:
    model = seeded().eval()
    given = batch()
    boxes = given.boxes.clone()
    boxes[:, 3] = torch.tensor([0.6, 0.6, 0.9, 0.9])  # a wheel; PAM reads the first two
    with torch.no_grad():
        before = model(given).feature.split(model.dimensions, 1)
        after = model(given._replace(boxes=boxes)).feature.split(model.dimensions, 1)
    assert [name for name, a, b in zip(BLOCKS, before, after, strict=True) if not torch.equal(a, b)] == ["wheel"]


def test_training_gives_the_distances_of_both_papers_and_finite_gradients_everywhere() -> None:
    model = seeded().train()
    output = model(batch())
    assert set(output.distances) == {"fused", "global", "part", "cpdm", "shared"}
    (output.logits.square().sum() + sum(distance.sum() for distance in output.distances.values())).backward()
    gradients = {name: value.grad for name, value in model.named_parameters() if value.requires_grad}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())


def test_the_distance_trained_on_is_the_one_of_the_test_features() -> None:
    model = seeded().eval()
    given = batch()
    with torch.no_grad():
        feature = model(given).feature
        ratios = model.ratios(given)
    trained = pairwise_cpdm(feature, ratios, model.dimensions)
    for first, second in ((0, 1), (1, 2), (0, 3)):
        sides = [feature[[row]] for row in (first, second)], [ratios[[row]] for row in (first, second)]
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
    lengths = torch.stack([block.norm(dim=1) for block in blocks[:4]], 1)
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
