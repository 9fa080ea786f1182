"""Generated retrieval problems of any size, for measuring how long evaluation takes and what memory it needs."""

import numpy as np

from pipeline.artifacts.features import Features
from pipeline.retrieval.problems import Problem

DIMENSIONS = (1024, 512, 512, 512)
"""Lengths of SPAN's feature (§4.2): 2,560 in all."""


def generate(
    queries: int, gallery: int, vehicles: int, cameras: int, dimensions: tuple[int, ...], noise: float
) -> tuple[Features, Problem]:
    """Features in clusters, a cluster a vehicle, and the problem of finding them again across cameras.

    Args:
        queries: Query images, the first features.
        gallery: Gallery images, the others.
        vehicles: Vehicles they show, drawn evenly.
        cameras: Cameras that took them.
        dimensions: Lengths of a feature's blocks; several make a CPDM feature with area ratios, one a Euclidean one.
        noise: Spread of a vehicle's images, as a multiple of that of the vehicles: difficulty.
    """
    generator = np.random.default_rng(0)
    length, count = sum(dimensions), queries + gallery
    centres = generator.standard_normal((vehicles, length), np.float32)
    vehicle = generator.integers(0, vehicles, count)
    camera = generator.integers(0, cameras, count)
    values = np.empty((count, length), np.float32)
    for start in range(0, count, 4096):
        rows = values[start : start + 4096]
        generator.standard_normal(dtype=np.float32, out=rows)
        rows *= noise
        rows += centres[vehicle[start : start + 4096]]
        if len(dimensions) == 1:
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ratios = np.ones((count, len(dimensions) if len(dimensions) > 1 else 0), np.float32)
    ratios[:, 1:] = generator.random(ratios[:, 1:].shape, np.float32)
    distance = "cpdm" if len(dimensions) > 1 else "euclidean"
    columns = (vehicle[:queries], vehicle[queries:], camera[:queries], camera[queries:])
    problem = Problem(np.arange(queries), np.arange(queries, count), *columns, remove_same_camera=True)
    return Features(np.arange(count), values, ratios, distance, dimensions), problem
