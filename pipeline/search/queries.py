"""What a search asks: single images, or tracks, whose features are averaged."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.retrieval.tracks import averaged
from pipeline.search.image_files import ImageFiles


@dataclass(frozen=True)
class Queries:
    """Q queries.

    Attributes:
        names: Of each; an image's path, or that of frames and the track in them.
        images: `(Q,)` int64 image that stands for each: itself, or the middle one of the track.
        counts: `(Q,)` int64 images of each.
        features: `(Q, C)` float32.
        area_ratios: `(Q, P)` float32, global first; P is 0 where views are not compared.
    """

    names: list[Path]
    images: NDArray[np.int64]
    counts: NDArray[np.int64]
    features: NDArray[np.float32]
    area_ratios: NDArray[np.float32]


def queries_of(files: ImageFiles, features: Features) -> Queries:
    """Ask each image by itself, and the images of a track as one, in the order of the first image of each.

    Args:
        files: N images.
        features: Theirs.
    """
    names = list(dict.fromkeys(source.track or source.path for source in files.sources))
    places = {name: place for place, name in enumerate(names)}
    codes = np.array([places[source.track or source.path] for source in files.sources])
    if len(names) == len(codes):
        return Queries(names, codes, np.ones_like(codes), features.features, features.area_ratios)
    values, ratios = averaged(features, codes)
    return Queries(names, middle_images(codes), np.bincount(codes), values, ratios)


def middle_images(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The image that stands for each track: `(M,)` track of each image -> `(T,)` index of its middle image."""
    counts = np.bincount(codes)
    starts = np.cumsum(counts) - counts
    return np.asarray(np.argsort(codes, kind="stable")[starts + counts // 2], np.int64)
