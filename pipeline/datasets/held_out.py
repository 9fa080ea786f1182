"""Test sets held out of the vehicles to train on: some of them, or those of kinds that no training is to see."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from pydantic import NonNegativeInt

from pipeline.datasets.records import Found, ImageRecord, roles_by_test_set
from pipeline.store.params import parameters

UNSEEN = "unseen"
"""Test set of the vehicles kept from training by `UnseenParams`."""


def hold_out(
    records: Sequence[ImageRecord], vehicles: Iterable[str], test_set: str, random: np.random.Generator
) -> list[ImageRecord]:
    """Make some vehicles' images a test set.

    Of each vehicle, one random image a camera is a query and the camera's others are gallery. A camera's only image is
    `both`, so that the vehicle's other queries find it. A vehicle seen by one camera has no query, for no gallery
    image of it would count; its images are gallery.

    Args:
        records: Images with vehicle and camera, in any order, which changes nothing.
        vehicles: Which vehicles, in the order of the draws.
        test_set: Name of the test set.
        random: Source of the choice of queries.

    Returns:
        The images of these vehicles, by path.
    """
    places: dict[str | None, dict[str, list[ImageRecord]]] = {vehicle: {} for vehicle in vehicles}
    for record in sorted(records, key=lambda record: record.path):
        if record.vehicle_id in places:
            places[record.vehicle_id].setdefault(str(record.camera_id), []).append(record)
    held_out = [
        replace(record, split="query" if role == "query" else "gallery", roles={test_set: role})
        for cameras in places.values()
        for record, role in _roles([cameras[camera] for camera in sorted(cameras)], random)
    ]
    return sorted(held_out, key=lambda record: record.path)


def _roles(cameras: Sequence[Sequence[ImageRecord]], random: np.random.Generator) -> Iterable[tuple[ImageRecord, str]]:
    for images in cameras:
        query = int(random.integers(len(images))) if len(cameras) > 1 else None
        for place, record in enumerate(images):
            role = "gallery" if place != query else "both" if len(images) == 1 else "query"
            yield record, role


@parameters
class UnseenParams:
    """`prepare.unseen`."""

    column: str
    """Column of the table that tells kinds of vehicles apart, such as type."""
    values: tuple[str, ...]
    """Its values that no training sees: vehicles to train on that have one become the test set ``unseen``, with those
    to test on that have one."""
    seed: NonNegativeInt
    """Seed of the choice of queries among the former."""


def keep_unseen(found: Found, values: UnseenParams, source: str) -> Found:
    """Keep kinds of vehicles from training, and make them a test set of their own, named before the others.

    Vehicles to train on are held out as `hold_out` does, or left to the protocol's draw where the table's test set is.
    Vehicles to test on have the role in it that they have in the first of the table's test sets.

    Args:
        found: A table.
        values: Which vehicles.
        source: Where it came from, for messages.

    Returns:
        The table, held-out images first, each image's roles written out.

    Raises:
        ValueError: The table has no such column, no vehicle to train on has such a value, or none is left.
    """
    records = found.records
    _check_column(records, values.column, source)
    trained = [record for record in records if record.split == "train"]
    kinds = {record.vehicle_id for record in trained if record.groups[values.column] in values.values}
    vehicles = sorted(str(vehicle) for vehicle in kinds)
    left = len({record.vehicle_id for record in trained}) - len(vehicles)
    if not vehicles or not left:
        wanted = f"{values.column} {' or '.join(values.values)}"
        raise ValueError(
            f"{source}: prepare.unseen: expected vehicles to train on with {wanted}, and others; "
            f"{len(vehicles)} have it and {left} have not"
        )
    test_sets = roles_by_test_set(records)
    drawn = any("drawn" in roles for roles in test_sets.values())
    away = [record for record in trained if record.vehicle_id in kinds]
    if drawn:
        held_out = [replace(record, split="test", roles={UNSEEN: "drawn"}) for record in away]
    else:
        held_out = hold_out(away, vehicles, UNSEEN, np.random.default_rng(values.seed))
    kept = [
        _with_roles(record, {name: roles[row] for name, roles in test_sets.items() if roles[row]}, values)
        for row, record in enumerate(records)
        if record.split != "train" or record.vehicle_id not in kinds
    ]
    what = f"{len(vehicles)} vehicles to train on, {values.column} {' or '.join(values.values)}"
    remark = f"{len(away)} images of {what}, are kept for the test set {UNSEEN}"
    return replace(found, records=[*held_out, *kept], remarks=[*found.remarks, remark])


def _with_roles(record: ImageRecord, roles: dict[str, str], values: UnseenParams) -> ImageRecord:
    """A record with its roles written out, and one in the test set `UNSEEN` where it is of such a kind."""
    if roles and record.groups[values.column] in values.values:
        roles = {UNSEEN: next(iter(roles.values())), **roles}
    return replace(record, roles=roles)


def _check_column(records: Sequence[ImageRecord], column: str, source: str) -> None:
    columns = records[0].groups if records else {}
    if column not in columns:
        known = ", ".join(sorted(columns)) or "none"
        raise ValueError(f"{source}: prepare.unseen: expected one of the columns {known}, got {column!r}")
