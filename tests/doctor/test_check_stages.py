from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.records import ImageRecord
from pipeline.doctor.findings import Finding
from pipeline.doctor.stages import Plan, find_stage_faults
from pipeline.store.boxes import PartBoxes

PLAN = Plan("cross_camera", {"pgan": 2})
TRAINED = [ImageRecord(f"t{number}.jpg", "train", str(number), "c1") for number in (1, 2)]
QUERY = ImageRecord("q.jpg", "query", "9", "c1")
GALLERY = ImageRecord("g.jpg", "gallery", "9", "c2")
WHOLE = [*TRAINED, QUERY, GALLERY]
EXTRA = [ImageRecord("x.jpg", "extra")]


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
    assert find_stage_faults(EXTRA, Plan("cross_camera", {})) == []


def test_a_model_that_asks_for_more_vehicles_than_there_are_is_named() -> None:
    (finding,) = find_stage_faults(WHOLE, Plan("cross_camera", {"pgan": 3, "span": 2}))
    assert finding.examples == ("train_reid: pgan takes 3 vehicles a batch, the split train has 2",)
    assert "identities_per_batch: 2" in finding.advice


def test_a_table_of_one_camera_needs_the_protocol_that_keeps_it() -> None:
    records = [*TRAINED, QUERY, replace(GALLERY, camera_id="c1")]
    (finding,) = find_stage_faults(records, PLAN)
    assert "the protocol cross_camera removes" in finding.examples[0]
    assert "evaluate.protocol: every_camera" in finding.advice
    assert find_stage_faults(records, replace(PLAN, protocol="every_camera")) == []
    assert find_stage_faults([*records, replace(GALLERY, path="h.jpg", camera_id=None)], PLAN) == []


@pytest.mark.parametrize(
    ("tested", "message"),
    [
        ([QUERY], "test set test has no image of the role gallery"),
        ([GALLERY], "test set test has no image of the role query"),
        ([QUERY, replace(GALLERY, vehicle_id="8")], "test set test: no query's vehicle is in the gallery"),
    ],
)
def test_a_test_set_that_cannot_be_ranked_is_named(tested: list[ImageRecord], message: str) -> None:
    assert examples(find_stage_faults([*TRAINED, *tested], PLAN)) == [f"evaluate: {message}"]


def test_one_good_test_set_is_enough() -> None:
    query = replace(QUERY, roles={"a": "query", "b": "query"})
    gallery = replace(GALLERY, roles={"b": "gallery"})
    assert find_stage_faults([*TRAINED, query, gallery], PLAN) == []


LENT = replace(PLAN, data_set="mine", data_sets=("fleet", "mine"))


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
    plan = replace(LENT, lenders={stage: "mine"})
    assert examples(find_stage_faults(WHOLE, plan)) == [f"{stage}: no image of the splits train and extra has a {what}"]
    assert len(find_stage_faults([*WHOLE, replace(QUERY, path="p.jpg", **taught)], plan)) == 1, (
        "a query teaches nothing"
    )
    assert find_stage_faults([*WHOLE, replace(EXTRA[0], **taught)], plan) == []
    assert find_stage_faults(WHOLE, replace(plan, lenders={stage: "fleet"})) == []


def test_a_network_lent_by_a_data_set_that_the_run_does_not_list_is_named() -> None:
    (finding,) = find_stage_faults(WHOLE, replace(LENT, data_sets=("mine",), lenders={"train_span": "fleet"}))
    assert finding.level == "error"
    assert finding.examples == ("train_span: train_span.dataset is fleet, which datasets does not list: mine",)


def test_a_data_set_that_the_run_does_not_list_is_noted() -> None:
    plan = replace(LENT, data_sets=("fleet",), lenders={"train_span": "fleet"}, vehicles_per_batch={})
    (finding,) = find_stage_faults(WHOLE, plan)
    assert finding.level == "note"
    assert "Add mine to datasets" in finding.advice
