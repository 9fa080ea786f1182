"""Which gallery images count for a query: the benchmarks' rules on a table's queries and gallery."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.images import ImageStore


@dataclass(frozen=True)
class Protocol:
    """A benchmark's rule.

    Attributes:
        remove_same_camera: Whether gallery images with the query's vehicle and camera are removed from its ranking.
    """

    remove_same_camera: bool


PROTOCOLS: dict[str, Protocol] = {
    "cross_camera": Protocol(remove_same_camera=True),
    "every_camera": Protocol(remove_same_camera=False),
}
"""``cross_camera`` is VeRi-776's, VERI-Wild's and that of tables; ``every_camera`` removes nothing."""


@dataclass(frozen=True)
class Problem:
    """Queries and gallery of one evaluation.

    Attributes:
        queries: `(Q,)` int64 positions among the features.
        gallery: `(G,)` int64 positions among the features.
        vehicles: `(M,)` int64 code of each feature's vehicle.
        cameras: `(M,)` int64 code of each feature's camera, -1 where unknown.
    """

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]
    vehicles: NDArray[np.int64]
    cameras: NDArray[np.int64]

    def relevance(self, query: int, protocol: Protocol) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which gallery images show the vehicle of a query, and which of the gallery the protocol keeps for it.

        An unknown camera is never taken for the same one.

        Args:
            query: Index into `queries`.
            protocol: The rule.

        Returns:
            `(G,)` bool match, `(G,)` bool kept.
        """
        position = self.queries[query]
        match = self.vehicles[self.gallery] == self.vehicles[position]
        if not protocol.remove_same_camera or self.cameras[position] < 0:
            return match, np.ones(len(self.gallery), np.bool_)
        return match, ~(match & (self.cameras[self.gallery] == self.cameras[position]))

    def restricted(self, member: NDArray[np.bool_]) -> "Problem":
        """The problem of those queries and gallery images for which `member`, `(M,)` bool, holds."""
        return Problem(
            self.queries[member[self.queries]], self.gallery[member[self.gallery]], self.vehicles, self.cameras
        )


def problem_of(store: ImageStore, rows: NDArray[np.int64]) -> Problem:
    """Queries and gallery of a table, by its splits.

    Args:
        store: The table.
        rows: `(M,)` row of each feature.

    Raises:
        ValueError: A feature belongs to neither split, or there are no queries or no gallery.
    """
    splits = store.splits[rows]
    strangers = sorted({str(split) for split in splits} - {"query", "gallery"})
    if strangers:
        raise ValueError(f"{store.path}: expected features of query and gallery images, got split {strangers[0]!r}")
    for split in ("query", "gallery"):
        if split not in splits:
            raise ValueError(f"{store.path}: no features of split {split!r}")
    vehicles = np.unique(store.vehicle_ids[rows], return_inverse=True)[1]
    cameras = np.unique(store.camera_ids[rows], return_inverse=True)[1]
    cameras = np.where(store.camera_ids[rows] == "", -1, cameras)
    return Problem(np.flatnonzero(splits == "query"), np.flatnonzero(splits == "gallery"), vehicles, cameras)


def column(store: ImageStore, name: str) -> NDArray[np.str_]:
    """A column of the table to group images by: ``camera_id``, ``vehicle_id`` or one of the source's own.

    Raises:
        ValueError: The table has no such column.
    """
    columns = {**store.groups, "camera_id": store.camera_ids, "vehicle_id": store.vehicle_ids}
    if name not in columns:
        raise ValueError(f"{store.path}: group_by: expected one of {', '.join(sorted(columns))}, got {name!r}")
    return columns[name]
