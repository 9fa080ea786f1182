import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.records import ImageRecord
from pipeline.doctor.evaluation import Measures
from pipeline.doctor.findings import Finding
from pipeline.doctor.stages import Plan, find_stage_faults
from pipeline.store.boxes import PartBoxes

MEASURES = Measures("cross_camera", test_set=None, group_by=None, alike=None, tracks=None)
PLAN = Plan(
    data_set="mine",
    data_sets=("fleet", "mine"),
    lenders={},
    vehicles_per_batch={"pgan": 2},
    evaluate=MEASURES,
    refused={},
    elsewhere=(),
)
TRAINED = [ImageRecord(f"t{number}.jpg", "train", str(number), "c1") for number in (1, 2)]
QUERY = ImageRecord("q.jpg", "query", "9", "c1")
GALLERY = ImageRecord("g.jpg", "gallery", "9", "c2")
WHOLE = [*TRAINED, QUERY, GALLERY]
EXTRA = [ImageRecord("x.jpg", "extra")]


def measuring(**values: str) -> Plan:
    """`PLAN` with other values of `evaluate`."""
    return replace(PLAN, evaluate=MEASURES._replace(**values))


def examples(findings: Sequence[Finding]) -> list[str]:
    assert {finding.level for finding in findings} <= {"error"}
    return [finding.examples[0] for finding in findings]


def test_a_data_set_that_every_stage_can_run_on_has_no_findings() -> None:
    assert find_stage_faults(WHOLE, PLAN) == []


def test_extra_images_alone_fail_at_re_id_unless_the_run_has_none() -> None:
    assert examples(find_stage_faults(EXTRA, PLAN)) == [
        "train_reid: no image of the split train",
        "evaluate: no image is a query or in a gallery",
    ]
    assert find_stage_faults(EXTRA, replace(PLAN, vehicles_per_batch={})) == []


def test_a_model_that_asks_for_more_vehicles_than_there_are_is_named() -> None:
    (finding,) = find_stage_faults(WHOLE, replace(PLAN, vehicles_per_batch={"pgan": 3, "span": 2}))
    assert finding.examples == ("train_reid: pgan takes 3 vehicles a batch, the split train has 2",)
    assert "identities_per_batch: 2" in finding.advice


def test_a_table_of_one_camera_needs_the_protocol_that_keeps_it() -> None:
    records = [*TRAINED, QUERY, replace(GALLERY, camera_id="c1")]
    (finding,) = find_stage_faults(records, PLAN)
    assert "the protocol cross_camera removes" in finding.examples[0]
    assert "evaluate.protocol: every_camera" in finding.advice
    assert find_stage_faults(records, measuring(protocol="every_camera")) == []
    assert find_stage_faults([*records, replace(GALLERY, path="h.jpg", camera_id=None)], PLAN) == []


@pytest.mark.parametrize(
    ("tested", "message"),
    [
        ([QUERY], "test set test: no gallery images"),
        ([GALLERY], "test set test: no query images"),
        ([QUERY, replace(GALLERY, vehicle_id="8")], "test set test: no query's vehicle is in the gallery"),
    ],
)
def test_a_test_set_that_cannot_be_ranked_is_named(tested: list[ImageRecord], message: str) -> None:
    assert examples(find_stage_faults([*TRAINED, *tested], PLAN)) == [f"evaluate: {message}"]


def test_matches_are_needed_in_the_leading_test_set_alone() -> None:
    query = replace(QUERY, roles={"a": "query", "b": "query"})
    gallery = [
        replace(GALLERY, roles={"b": "gallery"}),
        replace(GALLERY, path="h.jpg", vehicle_id="8", roles={"a": "gallery"}),
    ]
    assert find_stage_faults([*TRAINED, query, *gallery], PLAN) == []
    led = measuring(test_set="a")
    no_match = "evaluate: test set a: no query's vehicle is in the gallery"
    assert examples(find_stage_faults([*TRAINED, query, *gallery], led)) == [no_match]


def test_every_test_set_must_be_one_that_the_protocol_can_rank() -> None:
    query = replace(QUERY, roles={"a": "query", "b": "query"})
    gallery = replace(GALLERY, roles={"b": "gallery"})
    assert examples(find_stage_faults([*TRAINED, query, gallery], PLAN)) == ["evaluate: test set a: no gallery images"]


SEEN = [replace(record, groups={"make": "m", "track": "t"}) for record in WHOLE]
WITHHELD = [replace(each, split="withheld", vehicle_id=None, roles={"w": each.split}) for each in (QUERY, GALLERY)]
DRAWN = [ImageRecord(f"d{number}.jpg", "test", "9", "c1") for number in (1, 2)]


@pytest.mark.parametrize(
    ("records", "values", "message"),
    [
        (WHOLE, {"protocol": "veri"}, "evaluate.protocol: expected one of veri776, .*, every_camera, got 'veri'"),
        (WHOLE, {"test_set": "large"}, "the table: evaluate.test_set: expected one of test, got 'large'"),
        (SEEN, {"group_by": "x"}, "evaluate.group_by: expected one of camera_id, make, track, vehicle_id, got 'x'"),
        (WHOLE, {"alike": "make"}, "evaluate.alike: expected one of camera_id, vehicle_id, got 'make'"),
        (WHOLE, {"tracks": "make"}, "evaluate.tracks: expected one of camera_id, vehicle_id, got 'make'"),
        (
            SEEN,
            {"tracks": "track"},
            "to be of one camera, track 't' has 'c1' in row 2 and 'c2' in row 3",
        ),
        (WHOLE, {"protocol": "vehicleid"}, "test set test: expected images whose role is drawn, got gallery, query"),
        ([*TRAINED, *DRAWN], {}, "no query images; images whose role is drawn need the protocol vehicleid"),
        (
            [*TRAINED, *DRAWN],
            {"protocol": "vehicleid", "tracks": "camera_id"},
            "tracks need listed queries and gallery, its gallery is drawn",
        ),
    ],
)
def test_a_value_of_evaluate_that_does_not_fit_the_table_is_named(
    records: list[ImageRecord], values: dict[str, str], message: str
) -> None:
    (found,) = examples(find_stage_faults(records, measuring(**values)))
    assert re.search(message, found), found


@pytest.mark.parametrize(
    ("records", "values"),
    [
        (SEEN, {"group_by": "make", "alike": "make"}),
        (WHOLE, {"group_by": "camera_id", "test_set": "test", "protocol": "every_camera"}),
        ([*TRAINED, *DRAWN], {"protocol": "vehicleid"}),
        (
            [
                *TRAINED,
                *[
                    replace(record, split="withheld", vehicle_id=None, roles={"w": record.split})
                    for record in WHOLE[2:]
                ],
            ],
            {},
        ),
    ],
)
def test_values_of_evaluate_that_fit_are_no_fault(records: list[ImageRecord], values: dict[str, str]) -> None:
    assert find_stage_faults(records, measuring(**values)) == []


def test_the_section_is_looked_at_though_no_model_is_evaluated_on_the_data_set() -> None:
    plan = replace(measuring(alike="make"), vehicles_per_batch={})
    assert len(examples(find_stage_faults(EXTRA, plan))) == 1


def test_what_a_stage_will_not_run_with_is_an_error_and_what_this_machine_lacks_a_warning() -> None:
    plan = replace(PLAN, refused={"train_reid: pgan": "no such file"}, elsewhere=("no GPU",))
    refused, lacking = find_stage_faults(WHOLE, plan)
    assert (refused.level, refused.examples) == ("error", ("train_reid: pgan: no such file",))
    assert (lacking.level, lacking.examples) == ("warning", ("no GPU",))


@pytest.mark.parametrize(
    ("stage", "what", "taught"),
    [
        (
            "train_detector",
            "part annotation",
            {"parts": PartBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.uint8))},
        ),
        ("train_span", "viewpoint", {"viewpoint": "front"}),
    ],
)
def test_a_network_that_is_to_learn_from_images_without_labels_is_named(
    stage: str, what: str, taught: dict[str, Any]
) -> None:
    plan = replace(PLAN, lenders={stage: "mine"})
    assert examples(find_stage_faults(WHOLE, plan)) == [f"{stage}: no image of the splits train and extra has a {what}"]
    assert len(find_stage_faults([*WHOLE, replace(QUERY, path="p.jpg", **taught)], plan)) == 1, (
        "a query teaches nothing"
    )
    assert find_stage_faults([*WHOLE, replace(EXTRA[0], **taught)], plan) == []
    assert find_stage_faults(WHOLE, replace(plan, lenders={stage: "fleet"})) == []


def test_a_network_lent_by_a_data_set_that_the_run_does_not_list_is_named() -> None:
    (finding,) = find_stage_faults(WHOLE, replace(PLAN, data_sets=("mine",), lenders={"train_span": "fleet"}))
    assert finding.level == "error"
    assert finding.examples == ("train_span: train_span.dataset is fleet, which datasets does not list: mine",)


def test_a_data_set_that_the_run_does_not_list_is_noted() -> None:
    plan = replace(PLAN, data_sets=("fleet",), lenders={"train_span": "fleet"}, vehicles_per_batch={})
    (finding,) = find_stage_faults(WHOLE, plan)
    assert finding.level == "note"
    assert "Add mine to datasets" in finding.advice
