from collections import Counter

import numpy as np
import pytest

from pipeline.datasets.held_out import UNSEEN, UnseenParams, hold_out, keep_unseen
from pipeline.datasets.records import Found, ImageRecord, check_records, roles_by_test_set

BUSES = UnseenParams(column="type", values=("bus",), seed=0)


def record(vehicle: str, camera: str, split: str, kind: str, number: int = 0, **roles: str) -> ImageRecord:
    name = f"{split}/{vehicle}_{camera}_{number}.jpg"
    return ImageRecord(name, split, vehicle, camera, groups={"type": kind}, roles=roles)


def table(test_split: str = "listed") -> Found:
    """Two cars and two buses to train on, one of each to test on; two images a camera."""
    kinds = {"1": "car", "2": "car", "3": "bus", "4": "bus"}
    records = [
        record(vehicle, camera, "train", kind, number)
        for vehicle, kind in kinds.items()
        for camera in ("c1", "c2")
        for number in (0, 1)
    ]
    for vehicle, kind in (("8", "car"), ("9", "bus")):
        records.append(record(vehicle, "c1", "query" if test_split == "listed" else "test", kind))
        records.append(record(vehicle, "c2", "gallery" if test_split == "listed" else "test", kind))
    return Found(records, [])


def test_kinds_kept_from_training_are_a_test_set_named_before_the_others() -> None:
    found = keep_unseen(table(), BUSES, "set")
    check_records(found.records, "set")
    assert {r.vehicle_id for r in found.records if r.split == "train"} == {"1", "2"}
    by_set = roles_by_test_set(found.records)
    assert list(by_set) == [UNSEEN, "test"]
    members = {
        name: Counter((r.vehicle_id, role) for r, role in zip(found.records, roles, strict=True) if role)
        for name, roles in by_set.items()
    }
    held_out = {(vehicle, role): 2 for vehicle in "34" for role in ("query", "gallery")}
    assert members[UNSEEN] == held_out | {("9", "query"): 1, ("9", "gallery"): 1}
    assert members["test"] == {(vehicle, role): 1 for vehicle in "89" for role in ("query", "gallery")}
    assert found.remarks == ["8 images of 2 vehicles to train on, type bus, are kept for the test set unseen"]


def test_a_table_whose_gallery_is_drawn_draws_that_of_unseen_kinds_too() -> None:
    found = keep_unseen(table("drawn"), BUSES, "set")
    check_records(found.records, "set")
    unseen = {r.vehicle_id: r.roles[UNSEEN] for r in found.records if UNSEEN in r.roles}
    assert unseen == dict.fromkeys("349", "drawn")


def queries(seed: int) -> set[str]:
    found = keep_unseen(table(), UnseenParams("type", ("bus",), seed), "set")
    return {r.path for r in found.records if r.split == "query"}


def test_the_seed_chooses_the_queries() -> None:
    assert queries(0) == queries(0)
    assert any(queries(seed) != queries(0) for seed in range(1, 6))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("colour", ("red",), "expected one of the columns type, got 'colour'"),
        ("type", ("tram",), "with type tram, and others; 0 have it and 4 have not"),
        ("type", ("car", "bus"), "with type car or bus, and others; 4 have it and 0 have not"),
    ],
)
def test_what_leaves_a_side_empty_is_refused(column: str, values: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=rf"set: prepare\.unseen: .*{message}"):
        keep_unseen(table(), UnseenParams(column, values, 0), "set")


def test_the_order_of_the_records_changes_nothing() -> None:
    records = table().records[:16]
    first = hold_out(records, ["3", "1"], "x", np.random.default_rng(3))
    assert hold_out(records[::-1], ["3", "1"], "x", np.random.default_rng(3)) == first
    assert {r.vehicle_id for r in first} == {"1", "3"}
