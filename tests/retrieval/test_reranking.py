import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.retrieval import reranking
from pipeline.retrieval.distances import DISTANCES
from pipeline.retrieval.reranking import (
    RerankParams,
    _averaged,
    _encodings,
    announced_memory,
    find_neighbours,
    reranked_blocks,
)

CPU = torch.device("cpu")
DIMENSIONS = (4, 2, 2, 3)


def published(distances: NDArray[np.float64], queries: int, k1: int, k2: int, weight: float) -> NDArray[np.float64]:
    """Zhong et al. 2017 on dense arrays, image by image: (Q, G) distances from all pairs' squared ones."""
    count = len(distances)
    scaled = distances / distances.max(1, keepdims=True)
    order = np.argsort(distances, 1, kind="stable")

    def reciprocal(image: int, k: int) -> set[int]:
        return {int(other) for other in order[image, : k + 1] if image in order[other, : k + 1]}

    encodings = np.zeros((count, count))
    for image in range(count):
        own = reciprocal(image, k1)
        expanded = set(own)
        for other in own:
            half = reciprocal(other, round(k1 / 2))
            if len(half & own) > 2 / 3 * len(half):
                expanded |= half
        members = sorted(expanded)
        weights = np.exp(-scaled[image, members])
        encodings[image, members] = weights / weights.sum()
    averaged = np.stack([encodings[order[image, :k2]].mean(0) for image in range(count)])
    least = np.minimum(averaged[:queries, None], averaged[None, queries:]).sum(2)
    return (1 - least / (2 - least)) * (1 - weight) + scaled[:queries, queries:] * weight


def random_features(seed: int, distance: str) -> Features:
    """Eighty images in clusters, so that neighbourhoods are reciprocal and expand."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(12, 11))[generator.integers(0, 12, 80)]
    values = (centres + generator.normal(size=(80, 11)) * 0.5).astype(np.float32)
    ratios = np.concatenate([np.ones((80, 1)), generator.random((80, 3))], 1).astype(np.float32)
    return Features(np.arange(80), values, ratios, distance, DIMENSIONS if DISTANCES[distance].weighs_blocks else (11,))


def squared_distances(features: Features, order: NDArray[np.int64]) -> NDArray[np.float64]:
    values, ratios = torch.from_numpy(features.features[order]), torch.from_numpy(features.area_ratios[order])
    distance = DISTANCES[features.distance].to(values, ratios, features.dimensions)
    found = distance(values, ratios, torch.empty(len(order), len(order))).double().numpy()
    return found if DISTANCES[features.distance].squared else found**2


@pytest.mark.parametrize("distance", ["euclidean", "cpdm"])
@pytest.mark.parametrize(("k1", "k2", "weight"), [(20, 6, 0.3), (7, 1, 0.0), (5, 3, 1.0), (6, 4, 0.5)])
def test_re_ranking_equals_the_published_algorithm(distance: str, k1: int, k2: int, weight: float) -> None:
    features = random_features(k1, distance)
    queries, gallery = np.split(np.random.default_rng(0).permutation(80), [17])
    how = RerankParams(k1, k2, weight)
    found = np.concatenate(list(reranked_blocks(features, queries, gallery, how, 1, CPU)))
    expected = published(squared_distances(features, np.concatenate([queries, gallery])), 17, k1, k2, weight)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_result_does_not_depend_on_how_much_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    features, how = random_features(3, "euclidean"), RerankParams(6, 3, 0.3)
    queries, gallery = np.arange(20), np.arange(20, 80)
    whole = np.concatenate(list(reranked_blocks(features, queries, gallery, how, 1, CPU)))
    monkeypatch.setattr(reranking, "ENCODED_AT_ONCE", 7)
    monkeypatch.setattr(reranking, "PAIRS_AT_ONCE", 11)
    monkeypatch.setattr(reranking, "RANKED_AT_ONCE", 160)
    monkeypatch.setattr("pipeline.retrieval.blocks.queries_at_once", lambda *_: 3)
    blocks = list(reranked_blocks(features, queries, gallery, how, 1, CPU))
    assert len(blocks) == 7
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)


def test_neighbourhoods_larger_than_the_set_are_cut_to_it() -> None:
    features = random_features(4, "euclidean")
    found = np.concatenate(
        list(reranked_blocks(features, np.arange(3), np.arange(3, 9), RerankParams(20, 6, 0.3), 1, CPU))
    )
    assert found.shape == (3, 6)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_copies_of_one_image_are_re_ranked_without_a_division_by_zero() -> None:
    features = Features(np.arange(6), np.ones((6, 3), np.float32), np.zeros((6, 0), np.float32), "euclidean", (3,))
    (found,) = reranked_blocks(features, np.arange(2), np.arange(2, 6), RerankParams(3, 2, 0.3), 1, CPU)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("noise", [0.0, 0.5, 5.0])
def test_the_memory_announced_bounds_what_is_held(noise: float) -> None:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(20, 6))[generator.integers(0, 20, 400)]
    values = (centres + generator.normal(size=(400, 6)) * noise).astype(np.float32)
    features = Features(np.arange(400), values, np.zeros((400, 0), np.float32), "euclidean", (6,))
    how = RerankParams(20, 6, 0.3)
    nearest = find_neighbours(features, np.arange(400), how.k1, 1, CPU)
    encodings = _encodings(features, np.arange(400), nearest, how.k1)
    averaged = _averaged(encodings, nearest, how.k2)
    arrays = [nearest.indices, nearest.farthest]
    arrays += [part for table in (encodings, averaged, averaged[100:].tocsc()) for part in (table.data, table.indices)]
    least, most = announced_memory(400, how)
    assert least <= sum(array.nbytes for array in arrays) <= most


def test_the_memory_announced_grows_with_the_images_alone() -> None:
    least, most = announced_memory(138_517, RerankParams(20, 6, 0.3))
    assert 0 < least < most
    assert announced_memory(2 * 138_517, RerankParams(20, 6, 0.3)) == (2 * least, 2 * most)
