"""Test sets of a table, and what a protocol makes of one: queries, gallery, and which pairs are relevant or junk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.retrieval.ranking import Pairs, pairs_of_runs
from pipeline.store.images import ImageStore


@dataclass(frozen=True)
class TestSet:
    """The images of one test set, among features.

    Attributes:
        name: Its name in the table.
        positions: `(M,)` int64 positions among the features, rising.
        roles: `(M,)` str, one of `pipeline.store.vocabulary.ROLES`.
        vehicle_ids: `(M,)` str, "" where withheld.
        camera_ids: `(M,)` str, "" where unknown.
        origins: `(M,)` int64 code of what each was made from, as an image's and its track's; those of one origin never
            find each other. None: each is of its own.
    """

    __test__ = False  # no test case, whatever pytest makes of the name

    name: str
    positions: NDArray[np.int64]
    roles: NDArray[np.str_]
    vehicle_ids: NDArray[np.str_]
    camera_ids: NDArray[np.str_]
    origins: NDArray[np.int64] | None = None

    @classmethod
    def of_roles(
        cls, name: str, roles: NDArray[np.str_], vehicle_ids: NDArray[np.str_], camera_ids: NDArray[np.str_]
    ) -> "TestSet":
        """The test set of those of M images that have a role in it.

        Args:
            name: Its name.
            roles: `(M,)` str, "" for images that are not in it.
            vehicle_ids: `(M,)` str, "" where withheld.
            camera_ids: `(M,)` str, "" where unknown.
        """
        positions = np.flatnonzero(roles != "")
        return cls(name, positions, roles[positions], vehicle_ids[positions], camera_ids[positions])

    @property
    def withheld(self) -> bool:
        """Whether its identities are unknown here, so that only a benchmark's server can score it."""
        return not np.any(self.vehicle_ids != "")

    @property
    def askable(self) -> bool:
        """Whether it makes a problem: queries and gallery are listed, or a vehicle to be drawn has two images."""
        if "drawn" in self.roles:
            return bool(np.unique(self.vehicle_ids, return_counts=True)[1].max() > 1)
        return len(self.listed("query")) > 0 and len(self.listed("gallery")) > 0

    def restricted(self, member: NDArray[np.bool_]) -> "TestSet":
        """The test set of those images for which `member`, `(M,)` bool, holds."""
        return TestSet(
            self.name,
            self.positions[member],
            self.roles[member],
            self.vehicle_ids[member],
            self.camera_ids[member],
            None if self.origins is None else self.origins[member],
        )

    def listed(self, role: str) -> NDArray[np.int64]:
        """Indices into `positions` of the images listed as ``query`` or ``gallery``."""
        return np.flatnonzero(np.isin(self.roles, (role, "both")))


@dataclass(frozen=True)
class Problem:
    """Queries and gallery of one evaluation.

    Attributes:
        queries: `(Q,)` int64 positions among the features.
        gallery: `(G,)` int64 positions among the features.
        query_vehicles: `(Q,)` int64 code of each query's vehicle: its place among the test set's vehicles by name.
        gallery_vehicles: `(G,)` int64, likewise.
        query_cameras: `(Q,)` int64 code of each query's camera, -1 where unknown.
        gallery_cameras: `(G,)` int64, likewise.
        remove_same_camera: Whether gallery images with the query's vehicle and camera are junk. An unknown camera is
            never taken for the same one. The query itself is junk in any case, where the gallery holds it too.
        query_origins: `(Q,)` int64 code of what each query was made from; a gallery image of the same origin is the
            query itself. None: its position is.
        gallery_origins: `(G,)` int64, likewise; None with the former.
    """

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]
    query_vehicles: NDArray[np.int64]
    gallery_vehicles: NDArray[np.int64]
    query_cameras: NDArray[np.int64]
    gallery_cameras: NDArray[np.int64]
    remove_same_camera: bool
    query_origins: NDArray[np.int64] | None = None
    gallery_origins: NDArray[np.int64] | None = None

    @cached_property
    def _by_vehicle(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Gallery indices sorted by vehicle, and where each vehicle code starts among them."""
        order = np.argsort(self.gallery_vehicles, kind="stable")
        codes = np.arange(max(self.query_vehicles.max(initial=-1), self.gallery_vehicles.max(initial=-1)) + 2)
        return order, np.searchsorted(self.gallery_vehicles[order], codes)

    def relevance(self, start: int, stop: int) -> tuple[Pairs, Pairs]:
        """Relevant images and junk of the queries from `start` to before `stop`, counted from `start`."""
        order, starts = self._by_vehicle
        vehicles = self.query_vehicles[start:stop]
        same = pairs_of_runs(order, starts[vehicles], starts[vehicles + 1] - starts[vehicles])
        queries, gallery = same.queries, same.gallery
        cameras = self.query_cameras[start:stop][queries]
        junk = (cameras >= 0) & (cameras == self.gallery_cameras[gallery]) & self.remove_same_camera
        asking = self.queries if self.query_origins is None else self.query_origins
        found = self.gallery if self.gallery_origins is None else self.gallery_origins
        junk |= asking[start:stop][queries] == found[gallery]
        return Pairs(queries[~junk], gallery[~junk]), Pairs(queries[junk], gallery[junk])

    def unlabelled(self) -> "Problem":
        """The same to one who knows no vehicle: nothing is relevant, and no image is junk but the query itself."""
        asking = self.queries if self.query_origins is None else self.query_origins
        found = self.gallery if self.gallery_origins is None else self.gallery_origins
        alone = np.unique(np.concatenate([asking, found]), return_inverse=True)[1]
        vehicles = np.split(alone, [len(asking)])
        return replace(self, query_vehicles=vehicles[0], gallery_vehicles=vehicles[1], remove_same_camera=False)


def find_test_sets(store: ImageStore, rows: NDArray[np.int64]) -> list[TestSet]:
    """The test sets of a table, in its order.

    Args:
        store: The table.
        rows: `(M,)` row of each feature.

    Raises:
        ValueError: The table has no test set, a test set has images without a feature or, beside others with one,
            without a vehicle.
    """
    if not store.roles:
        raise ValueError(f"{store.path}: no image is a query or in a gallery")
    found = []
    for name, roles in store.roles.items():
        missing = np.setdiff1d(np.flatnonzero(roles != ""), rows)
        if len(missing):
            raise ValueError(
                f"{store.path}: test set {name}: {len(missing)} images have no feature, "
                f"for example {store.paths[missing[0]]}"
            )
        test = TestSet.of_roles(name, roles[rows], store.vehicle_ids[rows], store.camera_ids[rows])
        check_vehicles(test, store.paths[rows], str(store.path))
        found.append(test)
    return found


def check_vehicles(test: TestSet, paths: NDArray[np.str_], source: str) -> None:
    """Check that the vehicles of all images of a test set are known, or of none.

    Args:
        test: The test set.
        paths: `(M,)` path of each image that its positions count.
        source: Where it comes from, for messages.

    Raises:
        ValueError: Those of some are.
    """
    if not test.withheld and np.any(test.vehicle_ids == ""):
        nameless = paths[test.positions[test.vehicle_ids == ""]]
        raise ValueError(
            f"{source}: test set {test.name}: {len(nameless)} images lack a vehicle, for example {nameless[0]}"
        )


def leading_test_set(tests: Sequence[TestSet], wanted: str | None, source: str) -> TestSet:
    """The test set whose figures lead: the one wanted, or the last whose identities are known, or the last.

    Args:
        tests: All of a table.
        wanted: `evaluate.test_set`.
        source: Where they come from, for messages.

    Raises:
        ValueError: There is none of that name.
    """
    by_name = {test.name: test for test in tests}
    if wanted is None:
        return ([test for test in tests if not test.withheld] or list(tests))[-1]
    if wanted not in by_name:
        raise ValueError(f"{source}: evaluate.test_set: expected one of {', '.join(by_name)}, got {wanted!r}")
    return by_name[wanted]


def withheld_problem(test: TestSet) -> Problem:
    """The problem of a test set without identities: it can be ranked, but nothing in it is known to be relevant.

    Raises:
        ValueError: The test set has no listed queries or no listed gallery.
    """
    if "drawn" in test.roles:
        raise ValueError(f"test set {test.name}: its vehicles are withheld, so that no gallery can be drawn")
    origins = test.positions if test.origins is None else test.origins
    alone = np.array([str(origin) for origin in origins])  # every image a vehicle of its own
    return listed_problem(replace(test, vehicle_ids=alone), remove_same_camera=False)


def listed_problem(test: TestSet, *, remove_same_camera: bool) -> Problem:
    """The problem of the images listed as queries and as gallery.

    Args:
        test: The test set.
        remove_same_camera: As in `Problem`.

    Raises:
        ValueError: The test set has no listed queries or no listed gallery.
    """
    queries, gallery = test.listed("query"), test.listed("gallery")
    for role, images in (("query", queries), ("gallery", gallery)):
        if not len(images):
            hint = "; images whose role is drawn need the protocol vehicleid" if "drawn" in test.roles else ""
            raise ValueError(f"test set {test.name}: no {role} images{hint}")
    return problem_of(test, queries, gallery, remove_same_camera=remove_same_camera)


def problem_of(
    test: TestSet, queries: NDArray[np.int64], gallery: NDArray[np.int64], *, remove_same_camera: bool
) -> Problem:
    """The problem of some images of a test set.

    Args:
        test: The test set.
        queries: `(Q,)` int64 indices into its positions.
        gallery: `(G,)` int64, likewise.
        remove_same_camera: As in `Problem`.
    """
    vehicles = np.unique(test.vehicle_ids, return_inverse=True)[1]
    cameras = np.where(test.camera_ids == "", -1, np.unique(test.camera_ids, return_inverse=True)[1])
    return Problem(
        test.positions[queries],
        test.positions[gallery],
        vehicles[queries],
        vehicles[gallery],
        cameras[queries],
        cameras[gallery],
        remove_same_camera,
        None if test.origins is None else test.origins[queries],
        None if test.origins is None else test.origins[gallery],
    )


def column(store: ImageStore, name: str, parameter: str) -> NDArray[np.str_]:
    """A column of the table to group images by: ``camera_id``, ``vehicle_id`` or one of the source's own.

    Args:
        store: The table.
        name: Of the column.
        parameter: What names it, for messages, as ``evaluate.alike``.

    Raises:
        ValueError: The table has no such column.
    """
    check_column(name, store.groups, parameter, str(store.path))
    return {**store.groups, "camera_id": store.camera_ids, "vehicle_id": store.vehicle_ids}[name]


def check_column(name: str, groups: Iterable[str], parameter: str, source: str) -> None:
    """Check that a table can be grouped by a column, `groups` being the source's own; raises as `column`."""
    columns = {*groups, "camera_id", "vehicle_id"}
    if name not in columns:
        raise ValueError(f"{source}: {parameter}: expected one of {', '.join(sorted(columns))}, got {name!r}")
