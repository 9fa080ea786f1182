"""Images, part boxes and view masks of one data set, loaded row by row as re-ID models read them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.artifacts.parts import PART_ARRAYS, Detections, no_parts, open_parts, parts_at
from pipeline.artifacts.views import open_views
from pipeline.networks.runtime import generator_of
from pipeline.networks.tensors import to_batch
from pipeline.reid.augmentation import ReidAugmentationParams, Sample, augment
from pipeline.reid.network import ReidBatch
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.origin import by_content
from pipeline.store.resizing import resize
from pipeline.store.vocabulary import VIEWS

OPENERS: dict[str, Callable[[Path, str], hdf5.Cache]] = {"parts": open_parts, "part_masks": open_views}
"""Kind of cache a model may read -> how it is opened, given its file and the digest of the image table."""


@dataclass(frozen=True)
class ReidSources:
    """What a model reads of one data set; a cache it does not read is never opened.

    Attributes:
        store: Images and their table.
        caches: Kind of cache, as ``parts`` -> the open cache.
    """

    store: ImageStore
    caches: dict[str, hdf5.Cache]

    @property
    def makers(self) -> dict[str, dict[str, str]]:
        """Kind of cache -> name and digest of what made it."""
        return {kind: by_content(cache.header.made_by) for kind, cache in self.caches.items()}


def open_sources(store: ImageStore, path: Callable[[str], Path], inputs: Sequence[str]) -> ReidSources:
    """Open those caches a model reads beside the images.

    Args:
        store: The images.
        path: Kind of cache -> its file.
        inputs: Kinds the model reads, as `ReidNetwork.inputs`.

    Raises:
        ValueError: A cache is of another kind or follows another image table.
    """
    return ReidSources(store, {kind: OPENERS[kind](path(kind), store.digest) for kind in inputs})


def check_makers(sources: ReidSources, trained_with: dict[str, dict[str, str]]) -> None:
    """Check that caches were made by what made those the model was trained with.

    Raises:
        ValueError: They were not; the message names the cache, the maker and both digests.
    """
    for kind, cache in sources.caches.items():
        found, expected = sources.makers[kind], trained_with[kind]
        for name in sorted(set(found) | set(expected)):
            hdf5.check_same(name, expected, found, cache.path)


NETWORKS = ("detector", "span")
"""Makers of a cache that serve every data set of a workspace; its other makers are the data set's own."""


def check_networks_alike(sources: ReidSources, trained_with: dict[str, dict[str, str]]) -> None:
    """Check that caches of another data set were made by the networks that made those a model was trained with.

    Parameters of the stages may differ, as data sets may have their own.

    Raises:
        ValueError: They were not; the message names the cache, the network and both digests.
    """
    for kind, cache in sources.caches.items():
        for name in NETWORKS:
            hdf5.check_same(name, trained_with[kind], cache.header.made_by, cache.path)


def check_shapes_alike(sources: Sequence[ReidSources]) -> None:
    """Check that boxes and masks of several data sets can be in one batch.

    Raises:
        ValueError: Their numbers of boxes or their masks' sizes differ; the message names both files.
    """
    first = sources[0]
    for other in sources[1:]:
        for kind, name in (("parts", "boxes"), ("part_masks", "masks")):
            if kind in first.caches:
                shapes = [source.caches[kind][name].shape[1:] for source in (first, other)]
                if shapes[0] != shapes[1]:
                    raise ValueError(
                        f"{other.caches[kind].path}: expected {name} of shape {shapes[0]} as in "
                        f"{first.caches[kind].path}, got {shapes[1]}"
                    )


@dataclass(frozen=True)
class ReidLoader:
    """Loads samples, to train on or to embed, see `pipeline.training.samples.RepeatingLoader`.

    Attributes:
        sources: What to read.
        input_size: Side of the square images, pixels.
        classes: Vehicle -> class; vehicles it lacks get -1.
        augmentation: Random changes; None loads rows as they are.
        seed: Seed of the changes.
        epoch: Epoch, so that each one changes a row differently.
    """

    sources: ReidSources
    input_size: int
    classes: dict[str, int]
    augmentation: ReidAugmentationParams | None = None
    seed: int = 0
    epoch: int = 0

    def __call__(self, row: int, appearance: int = 0) -> tuple[Sample, int]:
        """Return one row's sample and its vehicle's class.

        Args:
            row: Row of the image table.
            appearance: How often the epoch has drawn the row before; each appearance is changed in its own way.
        """
        sample = self._sample(row)
        if self.augmentation is not None:
            sample = augment(sample, self.augmentation, generator_of(self.seed, self.epoch, row, appearance))
        return sample, self.classes.get(str(self.sources.store.vehicle_ids[row]), -1)

    def _sample(self, row: int) -> Sample:
        caches = self.sources.caches
        parts = views = None
        if "parts" in caches:
            parts = parts_at(caches["parts"], row)
        if "part_masks" in caches:
            views = caches["part_masks"]["masks"][row], caches["part_masks"]["area_ratios"][row]
        return sample_of(self.sources.store.image(row), self.input_size, parts, views)


@dataclass(frozen=True)
class JointLoader:
    """Loads samples of several data sets, see `pipeline.training.samples.RepeatingLoader`.

    Attributes:
        loaders: One a data set.
        sets: `(M,)` data set of each number.
        rows: `(M,)` row in its table.
        seed: Seed of the changes.
        epoch: Epoch, so that each one changes a row differently.
    """

    loaders: tuple[ReidLoader, ...]
    sets: NDArray[np.int64]
    rows: NDArray[np.int64]
    seed: int = 0
    epoch: int = 0

    def __call__(self, number: int, appearance: int = 0) -> tuple[Sample, int]:
        """Return one image's sample and its vehicle's class.

        Args:
            number: Its place among the images of all data sets.
            appearance: How often the epoch has drawn it before.
        """
        loader: ReidLoader = replace(self.loaders[self.sets[number]], seed=self.seed, epoch=self.epoch)
        return loader(int(self.rows[number]), appearance)


def sample_of(
    image: NDArray[np.uint8],
    input_size: int,
    parts: Detections | None,
    views: tuple[NDArray[np.uint8], NDArray[np.float32]] | None,
) -> Sample:
    """Bring one image to the form re-ID models read.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        input_size: Side of the square image, pixels.
        parts: M part boxes; None for models that read none.
        views: View masks `(3, T, T)` uint8 and their area ratios `(3,)` float32; None for models that read none.
    """
    masks, ratios = views or (np.zeros((len(VIEWS), 0, 0), np.uint8), np.zeros(len(VIEWS), np.float32))
    return Sample(
        resize(image, input_size, input_size),
        no_parts() if parts is None else parts,
        masks,
        np.concatenate([[1], ratios]).astype(np.float32),
    )


def collate(items: list[tuple[Sample, int]]) -> ReidBatch:
    """Stack samples to a batch, see `ReidBatch`."""
    samples, identities = zip(*items, strict=True)

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(sample, name) for sample in samples]))

    return ReidBatch(
        images=to_batch([sample.image for sample in samples]),
        **{name: torch.from_numpy(np.stack([getattr(item.parts, name) for item in samples])) for name in PART_ARRAYS},
        masks=stacked("masks"),
        area_ratios=stacked("area_ratios"),
        identities=torch.tensor(identities, dtype=torch.int64),
    )
