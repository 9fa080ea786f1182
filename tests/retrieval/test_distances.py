import math

import pytest
import torch

from pipeline.reid.blocks.distances import pairwise_cpdm, pairwise_euclidean
from pipeline.retrieval.distances import DISTANCES

DIMENSIONS = (4, 2, 2, 3)


def draw(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and area ratios of `count` images, some parts missing."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(count, sum(DIMENSIONS), generator=generator)
    parts = torch.rand(count, 3, generator=generator) * (torch.rand(count, 3, generator=generator) > 0.4)
    ratios = parts / parts.sum(1, keepdim=True).clamp(min=1e-9)
    return features, torch.cat([torch.ones(count, 1), ratios], 1)


def reference_cpdm(a: list[float], b: list[float], ratio_a: list[float], ratio_b: list[float]) -> float:
    """SPAN (4) and (5), term by term."""
    products = [x * y for x, y in zip(ratio_a, ratio_b, strict=True)]
    weights = [product / sum(products) for product in products]
    total, start = 0.0, 0
    for weight, size in zip(weights, DIMENSIONS, strict=True):
        block = slice(start, start + size)
        total += weight * math.dist(a[block], b[block])
        start += size
    return total


def distances_to(name: str, features: torch.Tensor, ratios: torch.Tensor, queries: int) -> torch.Tensor:
    """Distances of the first images to the others."""
    dimensions = DIMENSIONS if DISTANCES[name].weighs_blocks else (sum(DIMENSIONS),)
    distance = DISTANCES[name].to(features[queries:], ratios[queries:], dimensions)
    room = torch.full((queries, len(features) - queries), torch.nan)
    assert distance(features[:queries], ratios[:queries], room) is room
    return room


def test_cpdm_agrees_with_equations_4_and_5() -> None:
    features, ratios = draw(12, 0)
    to_gallery, within = distances_to("cpdm", features, ratios, 5), pairwise_cpdm(features, ratios, DIMENSIONS)
    for q in range(5):
        for g in range(5, 12):
            row = (features[q].tolist(), features[g].tolist(), ratios[q].tolist(), ratios[g].tolist())
            assert to_gallery[q, g - 5].item() == pytest.approx(reference_cpdm(*row), rel=1e-4)
            assert within[q, g].item() == pytest.approx(reference_cpdm(*row), rel=1e-4)


@pytest.mark.parametrize("name", list(DISTANCES))
def test_pairs_compare_as_a_gallery_does(name: str) -> None:
    features, ratios = draw(9, 1)
    dimensions = DIMENSIONS if DISTANCES[name].weighs_blocks else (sum(DIMENSIONS),)
    expected = distances_to(name, features, ratios, 3)
    for query in range(3):
        sides = features[query].expand(6, -1), features[3:], ratios[query].expand(6, -1), ratios[3:]
        assert torch.allclose(DISTANCES[name].between(*sides, dimensions), expected[query], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", list(DISTANCES))
def test_no_distance_is_negative_even_between_copies(name: str) -> None:
    features, ratios = draw(40, 2)
    doubled = torch.cat([100 * features, 100 * features]), torch.cat([ratios, ratios])
    assert distances_to(name, *doubled, 40).min() >= 0


@pytest.mark.parametrize("name", list(DISTANCES))
def test_a_distance_says_whether_it_is_squared(name: str) -> None:
    features, ratios = draw(9, 3)
    distance = DISTANCES[name]
    grown = distances_to(name, 2 * features, ratios, 3) / distances_to(name, features, ratios, 3)
    assert torch.allclose(grown, torch.tensor(4.0 if distance.squared else 2.0), rtol=1e-3)


@pytest.mark.parametrize("name", list(DISTANCES))
def test_a_distance_says_whether_it_weighs_blocks_and_what_it_means(name: str) -> None:
    features, ratios = draw(9, 4)
    other = ratios.clone()
    other[:, 1:] = ratios[:, 1:].flip(1)
    changed = not torch.equal(distances_to(name, features, ratios, 3), distances_to(name, features, other, 3))
    assert changed == DISTANCES[name].weighs_blocks
    assert DISTANCES[name].note.startswith("Distance: ")


def exact_distances(name: str, features: torch.Tensor, ratios: torch.Tensor, queries: int) -> torch.Tensor:
    """The same as `distances_to` by differences in float64."""
    a, b = features.double()[:queries, None], features.double()[None, queries:]
    if name == "euclidean":
        return (a - b).square().sum(2)
    blocks = [block.square().sum(2).sqrt() for block in torch.split(a - b, DIMENSIONS, 2)]
    weights = ratios.double()[:queries, None] * ratios.double()[None, queries:]
    return (weights * torch.stack(blocks, 2)).sum(2) / weights.sum(2)


@pytest.mark.parametrize("scale", [1.0, 1e3])
@pytest.mark.parametrize("name", list(DISTANCES))
def test_equal_features_have_no_distance_and_near_ones_a_small_one_however_long(name: str, scale: float) -> None:
    features, ratios = draw(30, 7)
    near = features + 1e-4 * draw(30, 8)[0]
    images = scale * torch.cat([features, features, near]), torch.cat([ratios] * 3)
    found, exact = distances_to(name, *images, 30), exact_distances(name, *images, 30)
    assert not found[:, :30].diagonal().any()
    torch.testing.assert_close(found[:, 30:].diagonal().double(), exact[:, 30:].diagonal(), rtol=1e-3, atol=0)
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=0)


@pytest.mark.parametrize("offset", [1e3, 1e5])
@pytest.mark.parametrize("name", list(DISTANCES))
def test_distances_between_features_far_from_the_origin_keep_their_digits(name: str, offset: float) -> None:
    features, ratios = draw(40, 9)
    images = torch.cat([features, features]) + offset, torch.cat([ratios, ratios])
    found, exact = distances_to(name, *images, 40), exact_distances(name, *images, 40)
    assert not found.diagonal().any()
    torch.testing.assert_close(found.double(), exact, rtol=0.03, atol=0)


def test_cpdm_of_images_with_one_block_alike_and_one_apart_is_close() -> None:
    features, ratios = draw(40, 10)
    other = features.clone()
    other[:, :4] += 0.1 * draw(40, 11)[0][:, :4]  # the parts stay the same
    images = 1e3 * torch.cat([features, other]), torch.cat([ratios, ratios])
    found, exact = distances_to("cpdm", *images, 40), exact_distances("cpdm", *images, 40)
    torch.testing.assert_close(found.double(), exact, rtol=0.02, atol=0)


def test_squared_distances_of_whole_numbers_are_exact_so_that_ties_stay_ties() -> None:
    features = (3 * draw(60, 15)[0]).round()
    images = features + 1000, torch.zeros(60, 0)
    assert torch.equal(distances_to("euclidean", *images, 20).double(), exact_distances("euclidean", *images, 20))


@pytest.mark.parametrize("name", list(DISTANCES))
def test_a_distance_is_the_same_in_whatever_order_the_gallery_stands(name: str) -> None:
    features, ratios = draw(60, 12)
    order = torch.cat([torch.arange(20), torch.arange(59, 19, -1)])
    plain, turned = distances_to(name, features, ratios, 20), distances_to(name, features[order], ratios[order], 20)
    assert torch.equal(plain, turned.flip(1))


def test_training_distances_are_float32_in_mixed_precision() -> None:
    features, ratios = draw(12, 13)
    expected = pairwise_euclidean(features), pairwise_cpdm(features, ratios, DIMENSIONS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = pairwise_euclidean(features), pairwise_cpdm(features, ratios, DIMENSIONS)
    for mixed, plain in zip(found, expected, strict=True):
        assert mixed.dtype == torch.float32
        assert torch.equal(mixed, plain)


def test_half_precision_features_and_ratios_are_compared_in_float32() -> None:
    features, ratios = (values.bfloat16() for values in draw(12, 14))
    expected = pairwise_cpdm(features.float(), ratios.float(), DIMENSIONS)
    assert torch.equal(pairwise_cpdm(features, ratios, DIMENSIONS), expected)


def test_cpdm_ignores_parts_hidden_in_either_image() -> None:
    features, _ = draw(2, 2)
    ratios = torch.tensor([[1.0, 0.5, 0.0, 0.5], [1.0, 0.0, 0.4, 0.6]])
    before = pairwise_cpdm(features, ratios, DIMENSIONS)
    features[:, 4:8] += 100  # front and rear: each hidden in one of the two
    assert torch.allclose(before, pairwise_cpdm(features, ratios, DIMENSIONS))


def test_images_with_no_part_in_common_compare_by_the_global_feature_alone() -> None:
    features, _ = draw(3, 3)
    ratios = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    found = pairwise_cpdm(features, ratios, DIMENSIONS)
    whole = pairwise_euclidean(features[:, :4])
    apart = ~torch.eye(3, dtype=torch.bool)
    assert torch.allclose(found[apart], whole[apart])


def test_cpdm_is_symmetric_and_zero_for_an_image_and_itself() -> None:
    features, ratios = draw(6, 4)
    found = pairwise_cpdm(features, ratios, DIMENSIONS)
    assert torch.allclose(found, found.T)
    assert not found.diagonal().any()


def test_gradients_stay_finite_at_zero_distance() -> None:
    features, ratios = draw(4, 5)
    features[1] = features[0]
    for distance in (pairwise_euclidean, lambda x: pairwise_cpdm(x, ratios, DIMENSIONS)):
        leaf = features.clone().requires_grad_()
        distance(leaf).sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        assert leaf.grad.any()


def test_squared_euclidean_on_unit_features_is_the_cosine_order() -> None:
    features = torch.nn.functional.normalize(draw(8, 6)[0])
    queries, gallery = features[:3], features[3:]
    expected = torch.cdist(queries.double(), gallery.double()).square().float()
    found = distances_to("euclidean", features, torch.zeros(8, 0), 3)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.equal(found.argsort(1), (queries @ gallery.T).argsort(1, descending=True))
