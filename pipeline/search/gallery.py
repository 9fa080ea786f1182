"""The gallery of a data set's test sets, and the images in it nearest to given features, in bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.artifacts.features import Features, open_features
from pipeline.reid.embedding import EmbedParams
from pipeline.reid.samples import ReidSources, check_makers, open_sources
from pipeline.retrieval.distances import DISTANCES
from pipeline.retrieval.problems import column
from pipeline.retrieval.tracks import averaged, check_tracks, track_codes
from pipeline.search.queries import middle_images
from pipeline.store import hdf5
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current
from pipeline.store.places import Workspace

GALLERY_ROLES = ("gallery", "both", "drawn")
"""Roles in a test set, of `pipeline.store.vocabulary.ROLES`, whose images can be found."""
GALLERY_AT_ONCE = 4_096
"""Features read and compared at a time: 34 MB with 2,048 values each. Four times as many, which no longer fit the
processor's caches, took up to four times as long (benchmarks/search.py)."""


class Rows(Protocol):
    """Features read block by block: a dataset of a file, or an array."""

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        """Some of them, `(B, C)` float32."""


@dataclass(frozen=True)
class GalleryFeatures:
    """M features, some of them of gallery images.

    Attributes:
        values: `(M, C)` float32.
        member: `(M,)` bool, whether it is a gallery image.
        area_ratios: `(M, P)` float32, global first; `P` is 0 where the model has no views.
        distance: How features compare, a key of `DISTANCES`.
        dimensions: Lengths of the blocks of a feature.
    """

    values: Rows
    member: NDArray[np.bool_]
    area_ratios: NDArray[np.float32]
    distance: str
    dimensions: tuple[int, ...]


def stored_features(cache: hdf5.Cache, member: NDArray[np.bool_]) -> GalleryFeatures:
    """Features of a file of kind ``features/1``, of which `member`, `(M,)`, says which are in the gallery."""
    ratios = cache["area_ratios"][()] if "area_ratios" in cache else np.zeros((len(member), 0), np.float32)
    notes = cache.header.notes
    return GalleryFeatures(cache["features"], member, ratios, str(notes["distance"]), tuple(notes["dimensions"]))


@dataclass(frozen=True)
class Tracks:
    """Tracks that stand in a gallery in place of their images.

    Attributes:
        names: `(M,)` str, "" for an image without a track.
        counts: `(M,)` int64 images of each.
    """

    names: NDArray[np.str_]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Gallery:
    """Images that can be found, and their features.

    Attributes:
        sources: Images, table and the caches the model reads.
        rows: `(M,)` int64 row of each feature, of a track that of its middle image.
        features: The features.
        tracks: What is found in place of images; None: images are.
    """

    sources: ReidSources
    rows: NDArray[np.int64]
    features: GalleryFeatures
    tracks: Tracks | None = None

    @property
    def store(self) -> ImageStore:
        """Images and table."""
        return self.sources.store

    def vehicles(self) -> NDArray[np.int64]:
        """Code of each feature's vehicle, `(M,)`; an unknown vehicle is one of its own."""
        names = self.store.vehicle_ids[self.rows]
        codes = np.unique(names, return_inverse=True)[1]
        return np.where(names == "", len(names) + np.arange(len(names)), codes)


@dataclass(frozen=True)
class Matches:
    """Gallery images nearest to one image, nearest first.

    Attributes:
        positions: `(K,)` int64 positions among the features.
        distances: `(K,)` float32.
    """

    positions: NDArray[np.int64]
    distances: NDArray[np.float32]


def open_gallery(workspace: Workspace, inputs: Sequence[str], trained_with: dict[str, dict[str, str]]) -> Gallery:
    """Open a data set's gallery as one model knows it.

    Args:
        workspace: The run.
        inputs: Kinds of cache the model reads, as `ReidNetwork.inputs`.
        trained_with: Kind -> what made the cache it was trained with, from its metadata.

    Raises:
        FileNotFoundError: A file is missing; the message names the stage that makes it.
        ValueError: Files do not fit each other or the parameters in force, the features are of another model or made
            by another value of `embed.mirrored_too`, or there is no gallery.
    """
    store = ImageStore(current(workspace, "images"))
    sources = open_sources(store, partial(current, workspace), inputs)
    check_makers(sources, trained_with)
    features = open_features(workspace.existing("features"), store.digest)
    found = features.header.notes["model"]
    if found != workspace.model:
        raise ValueError(f"{features.path}: expected features of model {workspace.model!r}, got {found!r}")
    weights = {"weights": file_digest(current(workspace, "reid"))}
    hdf5.check_same("weights", weights, features.header.made_by, features.path)
    _check_mirrored(features, workspace)
    current(workspace, "features")
    rows = features["rows"][()]
    roles = [np.isin(roles, GALLERY_ROLES) for roles in store.roles.values()]
    member = np.any([in_gallery[rows] for in_gallery in roles] or np.zeros((1, len(rows)), np.bool_), axis=0)
    if not member.any():
        raise ValueError(f"{features.path}: none of its {len(rows)} images is in a gallery")
    return Gallery(sources, rows, stored_features(features, member))


def _check_mirrored(features: hdf5.Cache, workspace: Workspace) -> None:
    """Check that features are averaged with those of mirror images if, and only if, new ones will be."""
    found = bool(features.header.notes.get("mirrored_too", False))
    expected = workspace.load("embed", EmbedParams).mirrored_too
    if found != expected:
        raise ValueError(
            f"{features.path}: made with embed.mirrored_too {str(found).lower()}, expected {str(expected).lower()}, "
            f"that of {workspace.parameters}; `dvc repro` makes the one that fits"
        )


def by_tracks(gallery: Gallery, name: str) -> Gallery:
    """A gallery of tracks, whose features are averages over their gallery images; all of these are read into memory.

    Args:
        gallery: A gallery of images.
        name: Column of the table that names each image's track; an image without a name is one by itself.

    Raises:
        ValueError: The table has no such column, or a track holds several vehicles or cameras.
    """
    features, inside = gallery.features, np.flatnonzero(gallery.features.member)
    rows = gallery.rows[inside]
    store = gallery.store
    names = column(store, name, "--tracks")[rows]
    check_tracks(names, store.vehicle_ids[rows], store.camera_ids[rows], rows, f"{store.path}, column {name}")
    codes = track_codes(names)
    images = Features(
        rows, features.values[:][inside], features.area_ratios[inside], features.distance, features.dimensions
    )
    values, ratios = averaged(images, codes)
    shown = middle_images(codes)
    of_tracks = replace(features, values=values, member=np.ones(len(shown), np.bool_), area_ratios=ratios)
    return Gallery(gallery.sources, rows[shown], of_tracks, Tracks(names[shown], np.bincount(codes)))


def find(
    gallery: GalleryFeatures,
    features: NDArray[np.float32],
    area_ratios: NDArray[np.float32],
    count: int,
    groups: NDArray[np.int64] | None = None,
) -> list[Matches]:
    """Find the gallery images nearest to each feature, by the gallery's own distance.

    Features are read and compared `GALLERY_AT_ONCE` at a time, so that memory holds no more of them.

    Args:
        gallery: Where to search.
        features: `(Q, C)` float32.
        area_ratios: `(Q, P)` float32, global first.
        count: Images wanted for each; all there are, where they are fewer.
        groups: `(M,)` code of each gallery feature; only the nearest of a group is kept. None keeps all.

    Returns:
        One `Matches` for each feature; equal distances are ordered by position.
    """
    compare = DISTANCES[gallery.distance].to
    queries, query_ratios = torch.from_numpy(features), torch.from_numpy(area_ratios)
    best = [Matches(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in features]
    for start in range(0, len(gallery.member), GALLERY_AT_ONCE):
        inside = np.flatnonzero(gallery.member[start : start + GALLERY_AT_ONCE])
        if not len(inside):
            continue
        block = gallery.values[start : start + GALLERY_AT_ONCE]
        block = block if len(inside) == len(block) else block[inside]
        positions = start + inside
        ratios = torch.from_numpy(gallery.area_ratios[positions])
        with torch.inference_mode():
            distance_to = compare(torch.from_numpy(block), ratios, gallery.dimensions)
            distances = distance_to(queries, query_ratios, torch.empty(len(queries), len(block))).numpy()
        best = [
            _merged(found, Matches(positions, row), count, groups) for found, row in zip(best, distances, strict=True)
        ]
    return best


def shared_views(query: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weight of each block of a feature in CPDM's distance of pairs (SPAN (4) and (5)).

    Args:
        query: `(P,)` float32 area ratios of one image, global first, which is 1.
        gallery: `(K, P)` float32, likewise.

    Returns:
        `(K, P)` float32, each row summing to 1.
    """
    products = query * gallery
    return np.asarray(products / products.sum(1, keepdims=True), np.float32)


def _merged(found: Matches, more: Matches, count: int, groups: NDArray[np.int64] | None) -> Matches:
    nearest = _nearest(more, count, groups)
    positions = np.concatenate([found.positions, nearest.positions])
    return _nearest(Matches(positions, np.concatenate([found.distances, nearest.distances])), count, groups)


def _nearest(found: Matches, count: int, groups: NDArray[np.int64] | None) -> Matches:
    positions, distances = found.positions, found.distances
    if groups is None and len(positions) > count:
        near = distances <= np.partition(distances, count - 1)[count - 1]
        positions, distances = positions[near], distances[near]
    order = np.lexsort((positions, distances))
    if groups is not None:
        order = order[np.sort(np.unique(groups[positions[order]], return_index=True)[1])]
    return Matches(positions[order[:count]], distances[order[:count]])
