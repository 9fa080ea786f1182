"""Tracks: the images that one camera took of a vehicle while it passed, averaged and ranked as one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.retrieval.problems import TestSet
from pipeline.retrieval.protocols import MODES

UNIT = 1e-3
"""Features whose lengths differ from 1 by no more are of length 1, and so are their tracks' made."""


def averaged(
    features: Features, codes: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Average the features of each track.

    Every block of a feature is averaged by itself, each image weighing what its area ratio of that block does, so that
    images that do not show a view have no say in it. A block of length 1 in every image that shows it is made so again.

    Args:
        features: Of M images.
        codes: `(M,)` track of each, every number from 0 to T - 1 at least once.
        weights: `(M,)` further weight of each image, not negative, above 0 for one of each track; None: 1.

    Returns:
        `(T, C)` float32 features, and `(T, P)` float32 mean area ratios.
    """
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max(initial=-1) + 1))
    own = np.ones(len(codes)) if weights is None else weights
    ratios = features.area_ratios.astype(np.float64)
    blocks = np.split(features.features, np.cumsum(features.dimensions)[:-1], axis=1)
    means = []
    for place, block in enumerate(blocks):
        share = ratios[:, place] if ratios.shape[1] == len(blocks) else np.ones(len(codes))
        says = own * share
        shown = np.add.reduceat(says[order], starts)[codes] > 0
        says = np.where(shown, says, own)  # a track that never shows a view: all its images by their own weights
        total = np.add.reduceat((block * says[:, None])[order], starts, axis=0)
        mean = total / np.add.reduceat(says[order], starts)[:, None]
        if np.all(np.abs(np.linalg.norm(block[share > 0], axis=1) - 1) < UNIT):
            mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        means.append(mean)
    seen = np.add.reduceat((ratios * own[:, None])[order], starts, axis=0)
    seen /= np.add.reduceat(own[order], starts)[:, None]
    return np.concatenate(means, 1).astype(np.float32), seen.astype(np.float32)


def track_codes(names: NDArray[np.str_]) -> NDArray[np.int64]:
    """Number the tracks of images, `(M,)`, in the order of their names; an image without a name is one by itself."""
    alone = np.array([f"\0{image}" for image in range(len(names))])  # a name that no table can give
    return np.asarray(np.unique(np.where(names == "", alone, names), return_inverse=True)[1], np.int64)


@dataclass(frozen=True)
class TrackSets:
    """A test set of images as test sets of tracks.

    Attributes:
        features: Those of the images as they were, behind them those of the gallery's tracks and the queries' tracks.
        tests: Mode, one of `MODES` -> test set among these features.
        members: For each track of the gallery, its images as indices into `TestSet.listed("gallery")` of the test set
            of images.
    """

    features: Features
    tests: dict[str, TestSet]
    members: list[NDArray[np.int64]]


@dataclass(frozen=True)
class _Side:
    """Tracks of the images with one role.

    Attributes:
        first: `(T,)` each track's first image, an index into the test set.
        names: `(T,)` code of each track, the same on both sides.
        codes: `(K,)` track of each image with the role.
        images: `(K,)` these images, indices into the test set.
    """

    first: NDArray[np.int64]
    names: NDArray[np.int64]
    codes: NDArray[np.int64]
    images: NDArray[np.int64]


def track_sets(test: TestSet, features: Features, tracks: NDArray[np.str_]) -> TrackSets:
    """Make tracks of a test set's images: those of the gallery by its images, those of the queries by theirs.

    An image without a track is one of its own. A track never finds itself, nor does an image find its own.

    Args:
        test: Images with listed roles.
        features: Of these images and maybe others.
        tracks: `(M,)` name of the track of each of the test set's images, "" where there is none.

    Raises:
        ValueError: The gallery is to be drawn, or a track holds several vehicles or cameras.
    """
    names = checked_tracks(test, tracks, features.rows[test.positions])
    gallery, queries = (_side(test.listed(role), names) for role in ("gallery", "query"))
    means = [averaged(features.some(test.positions[side.images]), side.codes) for side in (gallery, queries)]
    extended = Features(
        rows=np.concatenate([features.rows, *(features.rows[test.positions[s.first]] for s in (gallery, queries))]),
        features=np.concatenate([features.features, *(values for values, _ in means)]),
        area_ratios=np.concatenate([features.area_ratios, *(ratios for _, ratios in means)]),
        distance=features.distance,
        dimensions=features.dimensions,
    )
    start = len(features.rows)
    found = start + np.arange(len(gallery.first))
    asking = found[-1] + 1 + np.arange(len(queries.first))
    images = test.listed("query")
    asked = (test.positions[images], images, names[images]), (asking, queries.first, queries.names)
    tests = {mode: _test_set(test, of_mode, (found, gallery)) for mode, of_mode in zip(MODES, asked, strict=True)}
    members = np.split(np.argsort(gallery.codes, kind="stable"), np.cumsum(np.bincount(gallery.codes))[:-1])
    return TrackSets(extended, tests, members)


def checked_tracks(test: TestSet, tracks: NDArray[np.str_], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the tracks of a test set's images as `track_codes`, once they are known to be tracks.

    Args:
        test: Images with listed roles.
        tracks: `(M,)` name of the track of each image, "" where there is none.
        rows: `(M,)` its row of the table, for messages.

    Raises:
        ValueError: The gallery is to be drawn, or a track holds several vehicles or cameras.
    """
    if "drawn" in test.roles:
        raise ValueError(f"test set {test.name}: tracks need listed queries and gallery, its gallery is drawn")
    check_tracks(tracks, test.vehicle_ids, test.camera_ids, rows, f"test set {test.name}")
    return track_codes(tracks)


def check_tracks(
    names: NDArray[np.str_],
    vehicle_ids: NDArray[np.str_],
    camera_ids: NDArray[np.str_],
    rows: NDArray[np.int64],
    where: str,
) -> None:
    """Check that each track is of one vehicle and one camera.

    Args:
        names: `(M,)` name of each image's track, "" where there is none.
        vehicle_ids: `(M,)` its vehicle, "" where unknown.
        camera_ids: `(M,)` its camera, "" where unknown.
        rows: `(M,)` its row of the table, for messages.
        where: What the images are of, for messages.

    Raises:
        ValueError: A track holds several; the message names it and a row of each.
    """
    codes = track_codes(names)
    first = np.unique(codes, return_index=True)[1][codes]
    for what, column in (("vehicle", vehicle_ids), ("camera", camera_ids)):
        differing = np.flatnonzero(column != column[first])
        if len(differing):
            image = differing[0]
            values = " and ".join(f"{str(column[place])!r} in row {rows[place]}" for place in (first[image], image))
            raise ValueError(
                f"{where}: expected the images of a track to be of one {what}, track {str(names[image])!r} has {values}"
            )


def _side(images: NDArray[np.int64], names: NDArray[np.int64]) -> _Side:
    own, first, codes = np.unique(names[images], return_index=True, return_inverse=True)
    return _Side(images[first], own, codes, images)


def _test_set(
    test: TestSet,
    queries: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    gallery: tuple[NDArray[np.int64], _Side],
) -> TestSet:
    """Of queries (positions, an image of each, origins) and the gallery's tracks (positions)."""
    images = np.concatenate([queries[1], gallery[1].first])
    return TestSet(
        name=test.name,
        positions=np.concatenate([queries[0], gallery[0]]),
        roles=np.repeat(["query", "gallery"], [len(queries[0]), len(gallery[0])]),
        vehicle_ids=test.vehicle_ids[images],
        camera_ids=test.camera_ids[images],
        origins=np.concatenate([queries[2], gallery[1].names]),
    )


def images_of_tracks(nearest: NDArray[np.int64], members: list[NDArray[np.int64]], length: int) -> NDArray[np.int64]:
    """A ranking of tracks as one of their images, each track's in the gallery's order.

    Args:
        nearest: `(Q, R)` tracks, nearest first, -1 where fewer are left.
        members: `TrackSets.members`.
        length: Images wanted of each query.

    Returns:
        `(Q, length)` indices into the gallery's images, -1 where fewer are left.
    """
    found = np.full((len(nearest), length), -1, np.int64)
    for row, tracks in zip(found, nearest, strict=True):
        images = np.concatenate([np.zeros(0, np.int64), *(members[track] for track in tracks if track >= 0)])[:length]
        row[: len(images)] = images
    return found
