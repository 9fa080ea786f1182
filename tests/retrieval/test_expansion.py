from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.retrieval.expansion import ExpansionParams, expanded
from pipeline.retrieval.problems import Problem

CPU = torch.device("cpu")
DIMENSIONS = (3, 2, 2, 2)


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def features(distance: str) -> Features:
    """Forty images in clusters, blocks of length 1."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(8, 9))[generator.integers(0, 8, 40)]
    values = centres + 0.6 * generator.normal(size=(40, 9))
    dimensions = DIMENSIONS if distance == "cpdm" else (9,)
    blocks = np.split(values, np.cumsum(dimensions)[:-1], axis=1)
    ratios = np.concatenate([np.ones((40, 1)), generator.random((40, 3)).round()], 1)
    ratios = ratios if distance == "cpdm" else ratios[:, :0]
    values = np.concatenate([unit(block) for block in blocks], 1)
    return Features(np.arange(40), values.astype(np.float32), ratios.astype(np.float32), distance, dimensions)


def problem(queries: int = 6) -> Problem:
    """The first images ask; they are in the gallery too."""
    generator = np.random.default_rng(1)
    vehicles, cameras = generator.integers(0, 8, 40), generator.integers(0, 3, 40)
    asking, gallery = np.arange(queries), np.arange(40)
    columns = (vehicles[asking], vehicles[gallery], cameras[asking], cameras[gallery])
    return Problem(asking, gallery, *columns, remove_same_camera=True)


def expanded_queries(given: Features, asked: Problem, neighbours: int, power: float) -> Features:
    found, queries = expanded(given, asked, ExpansionParams(neighbours, power), 1, CPU)
    np.testing.assert_array_equal(found.features[:40], given.features)
    np.testing.assert_array_equal(found.rows[queries], given.rows[asked.queries])
    return found.some(queries)


def distances(given: Features, query: int) -> NDArray[np.float64]:
    """Distances of one image to all, by SPAN (5) or squared Euclidean."""
    values = given.features.astype(np.float64)
    if given.distance == "euclidean":
        return np.square(values - values[query]).sum(1)
    weights = (given.area_ratios * given.area_ratios[query]).astype(np.float64)
    blocks = np.split(values - values[query], np.cumsum(DIMENSIONS)[:-1], axis=1)
    apart = np.stack([np.linalg.norm(block, axis=1) for block in blocks], 1)
    return (weights * apart).sum(1) / weights.sum(1)


@pytest.mark.parametrize("power", [0.0, 3.0])
@pytest.mark.parametrize("distance", ["euclidean", "cpdm"])
def test_a_query_becomes_the_weighted_mean_of_itself_and_its_nearest_images(distance: str, power: float) -> None:
    given = features(distance)
    found = expanded_queries(given, problem(), 4, power)
    for query in range(6):
        apart = distances(given, query)
        near = [image for image in np.argsort(apart, kind="stable") if image != query][:4]
        squares = apart[near] if distance == "euclidean" else apart[near] ** 2
        weights = np.array([1, *np.clip(1 - squares / 2, 0, 1) ** power])
        members = given.some(np.array([query, *near]))
        blocks = np.split(members.features, np.cumsum(given.dimensions)[:-1], axis=1)
        ratios = members.area_ratios if distance == "cpdm" else np.ones((5, 1))
        for place, (block, result) in enumerate(
            zip(blocks, np.split(found.features[query], np.cumsum(given.dimensions)[:-1]), strict=True)
        ):
            says = weights * ratios[:, place]
            says = says if says.any() else weights
            np.testing.assert_allclose(result, unit((says[:, None] * block).sum(0)), atol=1e-5)
        if distance == "cpdm":
            mean = (weights[:, None] * members.area_ratios).sum(0) / weights.sum()
            np.testing.assert_allclose(found.area_ratios[query], mean, atol=1e-6)


def test_nothing_is_known_of_vehicles_and_cameras() -> None:
    given, asked = features("euclidean"), problem()
    other = replace(asked, query_vehicles=asked.query_vehicles[::-1], gallery_vehicles=asked.gallery_vehicles * 0)
    first, second = (expanded_queries(given, each, 3, 1.0) for each in (asked, other))
    np.testing.assert_array_equal(first.features, second.features)


def test_an_image_of_the_querys_origin_is_the_query_and_no_neighbour() -> None:
    given = features("euclidean")
    twice = given.some(np.array([*range(40), *range(6)]))
    apart = replace(problem(), queries=np.arange(40, 46), query_origins=np.arange(6), gallery_origins=np.arange(40))
    found, queries = expanded(twice, apart, ExpansionParams(3, 1.0), 1, CPU)
    np.testing.assert_allclose(found.features[queries], expanded_queries(given, problem(), 3, 1.0).features, atol=1e-6)


@pytest.mark.parametrize("distance", ["euclidean", "cpdm"])
def test_a_copy_of_the_query_under_another_name_is_no_neighbour(distance: str) -> None:
    given, asked = features(distance), problem(1)
    copied, more = given.some(np.array([*range(40), 0])), np.arange(41)
    further = replace(asked, gallery=more, gallery_vehicles=more % 8, gallery_cameras=more % 3)
    found, queries = expanded(copied, further, ExpansionParams(3, 0), 1, CPU)
    np.testing.assert_allclose(found.features[queries], expanded_queries(given, asked, 3, 0).features, atol=1e-6)


def test_a_gallery_of_fewer_images_gives_all_it_has() -> None:
    given, asked = features("euclidean"), problem(2)
    few = replace(asked, gallery=np.arange(3), gallery_vehicles=np.arange(3), gallery_cameras=np.arange(3))
    found = expanded_queries(given, few, 10, 0.0).features
    np.testing.assert_allclose(found, np.stack([unit(given.features[:3].sum(0))] * 2), atol=1e-5)


def test_features_of_any_length_are_expanded_alike() -> None:
    given = features("cpdm")
    longer = replace(given, features=given.features * 30)
    short, long = (expanded_queries(each, problem(), 3, 2.0).features for each in (given, longer))
    np.testing.assert_allclose(unit(long[:, :3]), unit(short[:, :3]), atol=0.05)
    assert np.linalg.norm(long, axis=1).mean() > 20 * np.linalg.norm(short, axis=1).mean() / 1.5


def test_what_an_image_does_not_show_has_no_say_in_how_alike_it_is() -> None:
    given = features("cpdm")
    blocks = np.split(given.features, np.cumsum(DIMENSIONS)[:-1], axis=1)
    absent = [np.where(given.area_ratios[:, [place]] > 0, block, 0) for place, block in enumerate(blocks)]
    without = replace(given, features=np.concatenate(absent, 1))
    whatever, nothing = (expanded_queries(each, problem(), 4, 3.0) for each in (given, without))
    np.testing.assert_allclose(nothing.area_ratios, whatever.area_ratios, atol=1e-6)
    shown = np.repeat(whatever.area_ratios > 0, DIMENSIONS, axis=1)
    np.testing.assert_allclose(nothing.features[shown], whatever.features[shown], atol=1e-6)
    assert not shown.all()
