import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData

from pipeline.artifacts.foreground import open_foreground
from pipeline.artifacts.seeds import open_seeds
from pipeline.foreground.samples import ForegroundAugmentationParams, SeedLoader
from pipeline.parts.augmentation import PartAugmentationParams
from pipeline.parts.samples import PartLoader
from pipeline.reid.augmentation import ReidAugmentationParams
from pipeline.reid.samples import ReidLoader, open_sources
from pipeline.training.samples import SampleLoader, at_epoch, drawn_batches, shuffled_epochs
from pipeline.views.labels import viewpoint_labels
from pipeline.views.samples import SpanAugmentationParams, SpanLoader

SIDE = 24


def seed_loader(data: TinyData) -> SeedLoader:
    seeds = open_seeds(data.path("grabcut"), data.store.digest)
    augmentation = ForegroundAugmentationParams(0.5, (0.8, 1.2), 0.1, 0.3)
    return SeedLoader(data.store, seeds, np.array([0, 1, 2, 3]), SIDE, SIDE // 2, augmentation, seed=0)


def part_loader(data: TinyData) -> PartLoader:
    return PartLoader(data.store, SIDE, PartAugmentationParams(1, (0.5, 1.5), 1.5, 0.5, 0.3, 9, 1, 5), seed=0)


def span_loader(data: TinyData) -> SpanLoader:
    foreground = open_foreground(data.path("foreground"), data.store.digest)
    augmentation = SpanAugmentationParams(0.5, {"side": 0.5}, 0.3, 0.2)
    labels = viewpoint_labels(data.store)
    return SpanLoader(data.store, labels, foreground, SIDE, SIDE // 2, augmentation, seed=0)


def reid_loader(data: TinyData) -> ReidLoader:
    sources = open_sources(data.store, data.path, ("parts", "part_masks"))
    return ReidLoader(sources, SIDE, {"0001": 0, "0002": 1}, ReidAugmentationParams(0.5, 1.0), seed=0)


LOADERS: list[Callable[[TinyData], SampleLoader[Any]]] = [seed_loader, part_loader, span_loader, reid_loader]


def leaves(item: object) -> list[np.ndarray]:
    """All arrays and numbers of an item, in order."""
    if dataclasses.is_dataclass(item):
        item = [getattr(item, field.name) for field in dataclasses.fields(item)]
    if isinstance(item, list | tuple):
        return [leaf for part in item for leaf in leaves(part)]
    return [np.asarray(item)]


def same(first: object, second: object) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(leaves(first), leaves(second), strict=True))


@pytest.mark.parametrize("loader", LOADERS)
def test_a_loader_that_was_sent_gives_the_same_items(
    tiny_data: TinyData, loader: Callable[[TinyData], SampleLoader[Any]]
) -> None:
    load = at_epoch(loader(tiny_data), 3)
    sent = pickle.loads(pickle.dumps(load))
    assert (sent.seed, sent.epoch) == (0, 3)
    for row in range(4):
        item = load(row)
        assert same(item, sent(row))
        assert same(item, load(row))


@pytest.mark.parametrize("loader", LOADERS)
def test_every_epoch_and_every_seed_changes_a_row_in_its_own_way(
    tiny_data: TinyData, loader: Callable[[TinyData], SampleLoader[Any]]
) -> None:
    load = loader(tiny_data)
    images = [at_epoch(load, epoch)(1) for epoch in range(4)] + [replace(load, seed=seed)(1) for seed in (1, 2, 3)]
    distinct = {leaves(item)[0].tobytes() for item in images}
    assert len(distinct) == len(images)


@pytest.mark.parametrize("loader", LOADERS)
def test_a_loader_stays_as_it_is(tiny_data: TinyData, loader: Callable[[TinyData], SampleLoader[Any]]) -> None:
    load = loader(tiny_data)
    at_epoch(load, 5)
    assert load.epoch == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        load.epoch = 1  # type: ignore[misc]


@dataclasses.dataclass(frozen=True)
class Named:
    """Loads a row as its number and the epoch."""

    seed: int = 0
    epoch: int = 0

    def __call__(self, row: int) -> tuple[int, int]:
        return row, self.epoch


def orders(seed: int) -> list[list[tuple[int, int]]]:
    """What the first three epochs of seven rows load, in order."""
    runtime = replace(RUNTIME, seed=seed)
    batches = shuffled_epochs([10, 11, 12, 13, 14, 15, 16], Named(), 3, runtime, list)
    return [[item for batch in batches(epoch) for item in batch] for epoch in range(3)]


def test_every_epoch_goes_through_all_rows_once_in_an_order_of_its_own() -> None:
    found = orders(0)
    for epoch, items in enumerate(found):
        assert sorted(items) == [(row, epoch) for row in range(10, 17)]
    assert len({tuple(row for row, _ in items) for items in found}) == 3


def test_the_order_of_an_epoch_depends_on_the_seed_alone() -> None:
    assert orders(0) == orders(0)
    assert orders(0) != orders(1)


def test_the_last_batch_of_an_epoch_may_be_smaller_and_their_number_is_known() -> None:
    batches = shuffled_epochs(range(7), Named(), 3, RUNTIME, list)(0)
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert len(batches) == 3


@dataclasses.dataclass(frozen=True)
class Counted:
    """Loads a row as its number and its appearance."""

    seed: int = 0
    epoch: int = 0

    def __call__(self, row: int, appearance: int = 0) -> tuple[int, int]:
        return row, appearance


def test_drawn_batches_tell_the_appearances_of_a_row_apart() -> None:
    batches = drawn_batches([40, 10, 70], [[2, 0, 2], [1], [2, 1]], Counted(), RUNTIME, list)
    assert len(batches) == 3
    assert list(batches) == [[(70, 0), (40, 0), (70, 1)], [(10, 0)], [(70, 2), (10, 1)]]
    assert list(drawn_batches([40], [], Counted(), RUNTIME, list)) == []


def test_copies_of_a_row_differ_within_a_batch_whatever_the_loader_processes(tiny_data: TinyData) -> None:
    load = reid_loader(tiny_data)

    def images(workers: int) -> list[bytes]:
        (batch,) = drawn_batches([3], [[0, 0, 0, 0]], load, replace(RUNTIME, workers=workers), list)
        return [sample.image.tobytes() for sample, _ in batch]

    first = images(0)
    assert len(set(first)) == 4
    assert images(0) == first
    assert images(2) == first
