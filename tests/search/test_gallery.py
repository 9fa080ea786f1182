from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_vehicles import TinyData

from pipeline.artifacts.features import header_of, write_features
from pipeline.retrieval.distances import DISTANCES
from pipeline.search import gallery as module
from pipeline.search.gallery import Gallery, GalleryFeatures, find, shared_views, stored_features
from pipeline.store import hdf5


def features_of(
    path: Path, features: np.ndarray, member: np.ndarray, ratios: np.ndarray | None = None
) -> GalleryFeatures:
    blocks = (features.shape[1],) if ratios is None else (features.shape[1] // 4,) * 4
    header = header_of("any", "euclidean" if ratios is None else "cpdm", blocks, "table", "weights")
    shares = np.zeros((len(features), 0), np.float32) if ratios is None else ratios
    batches = iter([(features, shares)])
    write_features(
        path, header, np.arange(len(features)), batches, ratio_count=0 if ratios is None else ratios.shape[1]
    )
    return stored_features(hdf5.Cache(path, "features/1"), member)


@pytest.mark.parametrize("at_once", [1, 3, 7, 100])
@pytest.mark.parametrize("distance", ["euclidean", "cpdm"])
def test_the_nearest_members_are_found_whatever_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, distance: str
) -> None:
    generator = np.random.default_rng(0)
    features, queries = (generator.standard_normal((count, 8), np.float32) for count in (40, 3))
    ratios, query_ratios = (generator.random((count, 4), np.float32) + 0.1 for count in (40, 3))
    member = generator.random(40) < 0.5
    by_views = distance == "cpdm"
    searched = features_of(tmp_path / "f.h5", features, member, ratios if by_views else None)
    monkeypatch.setattr(module, "GALLERY_AT_ONCE", at_once)
    found = find(searched, queries, query_ratios if by_views else np.zeros((3, 0), np.float32), 6)
    asked, held, asked_ratios, held_ratios = map(torch.from_numpy, (queries, features, query_ratios, ratios))
    expected = DISTANCES[distance].to(held, held_ratios, (2, 2, 2, 2))(asked, asked_ratios, torch.empty(3, 40)).numpy()
    expected[:, ~member] = np.inf
    for matches, row in zip(found, expected, strict=True):
        order = np.argsort(row, kind="stable")[:6]
        assert matches.positions.tolist() == order.tolist()
        np.testing.assert_allclose(matches.distances, row[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("at_once", [2, 100])
def test_equal_distances_are_ordered_by_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(module, "GALLERY_AT_ONCE", at_once)
    features = np.array([[3], [1], [-1], [1], [-1], [2]], np.float32)
    searched = features_of(tmp_path / "f.h5", features, np.ones(6, bool))
    (found,) = find(searched, np.zeros((1, 1), np.float32), np.zeros((1, 0), np.float32), 3)
    assert found.positions.tolist() == [1, 2, 3]


@pytest.mark.parametrize("at_once", [2, 100])
def test_only_the_nearest_of_a_group_is_kept_and_a_short_gallery_gives_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(module, "GALLERY_AT_ONCE", at_once)
    features = np.array([[5], [4], [3], [2], [1]], np.float32)
    searched = features_of(tmp_path / "f.h5", features, np.array([True, True, True, True, False]))
    groups = np.array([7, 8, 7, 8, 9])
    (found,) = find(searched, np.zeros((1, 1), np.float32), np.zeros((1, 0), np.float32), 10, groups)
    assert found.positions.tolist() == [3, 2]
    assert found.distances.tolist() == [4, 9]


def test_views_count_by_the_product_of_both_area_ratios() -> None:
    query = np.array([1, 0.5, 0, 0.5], np.float32)
    gallery = np.array([[1, 0.5, 0.5, 0], [1, 0, 1, 0]], np.float32)
    np.testing.assert_allclose(shared_views(query, gallery), [[0.8, 0.2, 0, 0], [1, 0, 0, 0]], rtol=1e-6)


def test_unknown_vehicles_are_never_taken_for_one(finished_run: TinyData, tmp_path: Path) -> None:
    store = finished_run.store
    store.vehicle_ids[[4, 5]] = ""
    searched = features_of(tmp_path / "f.h5", np.zeros((4, 2), np.float32), np.ones(4, bool))
    sources = module.ReidSources(store, {})
    unknown, another, third, fourth = Gallery(sources, np.array([4, 5, 6, 6]), searched).vehicles()
    assert len({unknown, another, third}) == 3
    assert third == fourth
