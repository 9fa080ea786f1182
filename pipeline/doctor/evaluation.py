"""The doctor on what `evaluate` will do with a data set, by the functions that do it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.records import ImageRecord, roles_by_test_set
from pipeline.doctor.findings import Finding, failing
from pipeline.retrieval.problems import (
    Problem,
    TestSet,
    check_column,
    check_vehicles,
    leading_test_set,
    withheld_problem,
)
from pipeline.retrieval.protocols import DrawsParams, protocol_of
from pipeline.retrieval.tracks import checked_tracks

TABLE = "the table"
"""Source of messages."""
ONE_DRAW = DrawsParams(1, 0)
"""All draws can be made where one can."""


class Measures(NamedTuple):
    """What of the section `evaluate` can fail to fit a data set; `pipeline.retrieval.evaluation` says what each is."""

    protocol: str
    test_set: str | None
    group_by: str | None
    alike: str | None
    tracks: str | None


def find_evaluation_faults(records: Sequence[ImageRecord], values: Measures, *, measured: bool) -> list[Finding]:
    """Say why `evaluate` fails on a data set, and what to set.

    Args:
        records: The images that are kept.
        values: The section `evaluate`, as the data set has it.
        measured: Whether the run evaluates any model on it; else only the section itself is looked at.
    """
    tests = _test_sets(records)
    faults = _values(records, tests, values)
    if faults or not measured:
        return faults
    if not tests:
        advice = "Give images of vehicles that are not trained on the splits query and gallery, or test."
        return [failing("evaluate", "no image is a query or in a gallery", advice=advice)]
    paths = np.array([record.path for record in records])
    if unfit := [said for test in tests for said in _said(partial(_problems, test, values.protocol, paths))]:
        advice = (
            "Give images of its vehicles the splits query and gallery, or, where the gallery is drawn "
            "(evaluate.protocol: vehicleid), test."
        )
        return [failing("evaluate", *unfit, advice=advice)]
    leading = leading_test_set(tests, values.test_set, TABLE)
    return [*_matches(leading, values.protocol, paths), *_tracks(records, tests, leading, values.tracks)]


def _test_sets(records: Sequence[ImageRecord]) -> list[TestSet]:
    """As the image table will have them."""
    vehicles = np.array([record.vehicle_id or "" for record in records])
    cameras = np.array([record.camera_id or "" for record in records])
    return [
        TestSet.of_roles(name, np.array(roles), vehicles, cameras) for name, roles in roles_by_test_set(records).items()
    ]


def _said(check: Callable[[], object]) -> list[str]:
    """What a check says against the data set."""
    try:
        check()
    except ValueError as error:
        return [str(error)]
    return []


def _values(records: Sequence[ImageRecord], tests: Sequence[TestSet], values: Measures) -> list[Finding]:
    """Values that nothing of the table fits."""
    said = _said(partial(protocol_of, values.protocol))
    if tests:
        said += _said(partial(leading_test_set, tests, values.test_set, TABLE))
    groups = records[0].groups if records else {}
    columns = {"group_by": values.group_by, "alike": values.alike, "tracks": values.tracks}
    for parameter, name in columns.items():
        if name is not None:
            said += _said(partial(check_column, name, groups, f"evaluate.{parameter}", TABLE))
    advice = "Correct it in params.yaml, or under this data set's overrides."
    return [failing("evaluate", *said, advice=advice)] if said else []


def _problems(test: TestSet, protocol: str, paths: NDArray[np.str_]) -> list[Problem]:
    check_vehicles(test, paths, TABLE)
    return [withheld_problem(test)] if test.withheld else protocol_of(protocol).rule(test, ONE_DRAW)


def _matches(leading: TestSet, protocol: str, paths: NDArray[np.str_]) -> list[Finding]:
    """At most one fault: no query of the leading test set has a match that counts."""
    (problem,) = _problems(leading, protocol, paths)
    if leading.withheld or _has_matches(problem):
        return []
    if not _has_matches(replace(problem, remove_same_camera=False)):
        why = f"test set {leading.name}: no query's vehicle is in the gallery"
        return [failing("evaluate", why, advice="Add gallery images of them.")]
    removes = f"the protocol {protocol} removes what the query's own camera took, which is every match"
    advice = "Set evaluate.protocol: every_camera, or fill in the cameras."
    return [failing("evaluate", f"test set {leading.name}: {removes}", advice=advice)]


def _has_matches(problem: Problem) -> bool:
    relevant, _ = problem.relevance(0, len(problem.queries))
    return len(relevant.queries) > 0


def _tracks(
    records: Sequence[ImageRecord], tests: Sequence[TestSet], leading: TestSet, column: str | None
) -> list[Finding]:
    """Tracks that cannot be ranked: of the leading test set, and of those without identities."""
    if column is None:
        return []
    names = np.array([_cell(record, column) for record in records])
    ranked = [test for test in tests if test is leading or test.withheld]
    checks = [partial(checked_tracks, test, names[test.positions], test.positions) for test in ranked]
    said = [each for check in checks for each in _said(check)]
    advice = "Set evaluate.tracks: null, or correct the column that it names."
    return [failing("evaluate", *said, advice=advice)] if said else []


def _cell(record: ImageRecord, column: str) -> str:
    """What a record has in a column, "" where nothing."""
    own = {"camera_id": record.camera_id or "", "vehicle_id": record.vehicle_id or ""}
    return {**record.groups, **own}.get(column, "")
