"""Which images are queries, gallery and junk: the rule of each benchmark as a named, versioned function."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydantic import NonNegativeInt, PositiveInt

from pipeline.retrieval.problems import Problem, TestSet, listed_problem, problem_of
from pipeline.store.params import parameters


@parameters
class DrawsParams:
    """`evaluate.draws`, for protocols that draw their gallery."""

    count: PositiveInt
    """Draws; metrics are their mean."""
    seed: NonNegativeInt
    """Of the first; draw k is seeded by (seed, k)."""


Rule = Callable[[TestSet, DrawsParams], list[Problem]]
"""A protocol: one problem, or one for each draw, whose metrics are averaged."""


def cross_camera(test: TestSet, draws: DrawsParams) -> list[Problem]:
    """Gallery images with the query's vehicle and camera are removed: the rule of VeRi-776 and VERI-Wild.

    On VeRi-776 this equals the shipped ``gt_index.txt`` and ``jk_index.txt`` (Liu et al. 2016).

    Raises:
        ValueError: The test set has no listed queries or no listed gallery.
    """
    return [listed_problem(test, remove_same_camera=True)]


def every_camera(test: TestSet, draws: DrawsParams) -> list[Problem]:
    """No image is removed: the rule of VRIC (Kanaci et al. 2018), whose pairs are from two cameras throughout.

    Raises:
        ValueError: The test set has no listed queries or no listed gallery.
    """
    return [listed_problem(test, remove_same_camera=False)]


def drawn_gallery(test: TestSet, draws: DrawsParams) -> list[Problem]:
    """One random image of each vehicle is the gallery, the others are queries, none is removed (VehicleID).

    A draw depends on its seed, the vehicles' names and the order of each vehicle's images in the table alone. The
    image of a vehicle that has no other stays in the gallery as a distractor.

    Raises:
        ValueError: The test set has no images to draw from, images with a listed role, or no vehicle with two images.
    """
    if not len(test.roles) or np.any(test.roles != "drawn"):
        listed = ", ".join(sorted(set(test.roles) - {"drawn"})) or "no image"
        raise ValueError(f"test set {test.name}: expected images whose role is drawn, got {listed}")
    if not test.askable:
        raise ValueError(f"test set {test.name}: no vehicle has two images, a query and one to find")
    vehicles = np.unique(test.vehicle_ids, return_inverse=True)[1]
    order = np.argsort(vehicles, kind="stable")
    counts = np.bincount(vehicles)
    starts = np.cumsum(counts) - counts
    problems = []
    for draw in range(draws.count):
        chosen = starts + np.random.default_rng([draws.seed, draw]).integers(0, counts)
        is_gallery = np.zeros(len(vehicles), np.bool_)
        is_gallery[order[chosen]] = True
        gallery, queries = np.flatnonzero(is_gallery), np.flatnonzero(~is_gallery)
        problems.append(problem_of(test, queries, gallery, remove_same_camera=False))
    return problems


@dataclass(frozen=True)
class Protocol:
    """A rule and its version, which rises whenever the rule would score anything differently.

    Attributes:
        rule: What it does.
        version: Of the rule.
        note: What it does, for readers of a page.
    """

    rule: Rule
    version: int
    note: str


MODES = ("image_to_track", "track_to_track")
"""What asks and what is found where tracks are evaluated; the keys of ``tracks`` in the metrics."""

OTHER_CAMERAS = "Images of the asked vehicle by the query's own camera are left out, as the protocol demands."
ALL_CAMERAS = "Images by every camera count."

PROTOCOLS: dict[str, Protocol] = {
    "veri776": Protocol(cross_camera, 1, OTHER_CAMERAS),
    "vehicleid": Protocol(drawn_gallery, 1, "The gallery is that of the first draw: one image of each vehicle."),
    "vric": Protocol(every_camera, 1, ALL_CAMERAS),
    "veri_wild": Protocol(cross_camera, 1, OTHER_CAMERAS),
    "cityflow_reid": Protocol(cross_camera, 1, OTHER_CAMERAS),
    "cross_camera": Protocol(cross_camera, 1, OTHER_CAMERAS),
    "every_camera": Protocol(every_camera, 1, ALL_CAMERAS),
}
"""The benchmarks' protocols, and two for any table."""


def protocol_of(name: str) -> Protocol:
    """A protocol by its name.

    Raises:
        ValueError: There is no such protocol.
    """
    if name not in PROTOCOLS:
        raise ValueError(f"evaluate.protocol: expected one of {', '.join(PROTOCOLS)}, got {name!r}")
    return PROTOCOLS[name]
