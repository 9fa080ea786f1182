import math

import pytest
import torch

from pipeline.distances import DISTANCES, cpdm, pairwise_euclidean, squared_euclidean

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


@pytest.mark.parametrize("exact", [True, False])
def test_cpdm_agrees_with_equations_4_and_5(exact: bool) -> None:
    (queries, query_ratios), (gallery, gallery_ratios) = draw(5, 0), draw(7, 1)
    found = cpdm(queries, gallery, query_ratios, gallery_ratios, DIMENSIONS, exact=exact)
    for q in range(5):
        for g in range(7):
            row = (queries[q].tolist(), gallery[g].tolist(), query_ratios[q].tolist(), gallery_ratios[g].tolist())
            assert found[q, g].item() == pytest.approx(reference_cpdm(*row), rel=1e-4)


def test_cpdm_ignores_parts_hidden_in_either_image() -> None:
    features, _ = draw(2, 2)
    ratios = torch.tensor([[1.0, 0.5, 0.0, 0.5], [1.0, 0.0, 0.4, 0.6]])
    before = cpdm(features[:1], features[1:], ratios[:1], ratios[1:], DIMENSIONS)
    features[:, 4:8] += 100  # front and rear: each hidden in one of the two
    assert torch.allclose(before, cpdm(features[:1], features[1:], ratios[:1], ratios[1:], DIMENSIONS))


def test_images_with_no_part_in_common_compare_by_the_global_feature_alone() -> None:
    features, _ = draw(3, 3)
    ratios = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    found = cpdm(features, features, ratios, ratios, DIMENSIONS, exact=True)
    whole = pairwise_euclidean(features[:, :4])
    apart = ~torch.eye(3, dtype=torch.bool)
    assert torch.allclose(found[apart], whole[apart])


def test_cpdm_is_symmetric_and_zero_for_an_image_and_itself() -> None:
    features, ratios = draw(6, 4)
    found = cpdm(features, features, ratios, ratios, DIMENSIONS, exact=True)
    assert torch.allclose(found, found.T)
    assert not found.diagonal().any()


def test_gradients_stay_finite_at_zero_distance() -> None:
    features, ratios = draw(4, 5)
    features[1] = features[0]
    for distance in (pairwise_euclidean, lambda x: cpdm(x, x, ratios, ratios, DIMENSIONS, exact=True)):
        leaf = features.clone().requires_grad_()
        distance(leaf).sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        assert leaf.grad.any()


def test_squared_euclidean_on_unit_features_is_the_cosine_order() -> None:
    features = torch.nn.functional.normalize(draw(8, 6)[0])
    queries, gallery = features[:3], features[3:]
    expected = torch.cdist(queries.double(), gallery.double()).square().float()
    found = squared_euclidean(queries, gallery)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.equal(found.argsort(1), (queries @ gallery.T).argsort(1, descending=True))
    assert found.min() >= 0


def test_distances_by_name_compare_whole_features() -> None:
    (queries, query_ratios), (gallery, gallery_ratios) = draw(2, 7), draw(3, 8)
    for name, distance in DISTANCES.items():
        found = distance(queries, gallery, query_ratios, gallery_ratios, DIMENSIONS)
        assert found.shape == (2, 3), name
