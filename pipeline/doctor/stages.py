"""The doctor on the run: stages that would fail on a data set, some of them hours after the start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.datasets.records import ImageRecord, roles_by_test_set
from pipeline.doctor.findings import Finding

SAME_CAMERA_REMOVED: tuple[str, ...] = ("veri776", "veri_wild", "cityflow_reid", "cross_camera")
"""Protocols that remove the gallery images of the query's vehicle and camera."""


@dataclass(frozen=True)
class Plan:
    """What the run means to do with a data set.

    Attributes:
        protocol: `evaluate.protocol`.
        vehicles_per_batch: Re-ID model of the run -> vehicles of each of its batches.
        data_set: Its name.
        data_sets: Names of those that the run lists.
        lenders: Stage that trains one network for the workspace -> name of the data set that it learns from.
    """

    protocol: str
    vehicles_per_batch: Mapping[str, int]
    data_set: str = ""
    data_sets: Sequence[str] = ("",)
    lenders: Mapping[str, str] = field(default_factory=dict)


def find_stage_faults(records: Sequence[ImageRecord], plan: Plan) -> list[Finding]:
    """Say which stages fail on a data set, and what to set.

    Args:
        records: The images that are kept.
        plan: What the run does with them.
    """
    return [*_listing(plan), *_lending(records, plan), *_training(records, plan), *_evaluation(records, plan)]


def _fails(stage: str, why: str, advice: str) -> Finding:
    return Finding("run", "error", 1, "stage that fails on this data set", (f"{stage}: {why}",), advice)


def _listing(plan: Plan) -> list[Finding]:
    """Data sets of which the run would need an artifact that it does not make."""
    listed = ", ".join(plan.data_sets)
    if plan.data_set not in plan.data_sets:
        advice = f"Add {plan.data_set} to datasets in params.yaml; until then dvc repro leaves it out."
        return [Finding("run", "note", 1, "data set that the run does not list", (f"datasets: {listed}",), advice)]
    return [
        _fails(
            stage,
            f"{stage}.dataset is {lender}, which datasets does not list: {listed}",
            f"Add {lender} to datasets in params.yaml, or name one of those listed as {stage}.dataset.",
        )
        for stage, lender in plan.lenders.items()
        if lender not in plan.data_sets
    ]


def _lending(records: Sequence[ImageRecord], plan: Plan) -> list[Finding]:
    """Networks of the workspace that are to learn from this data set and cannot."""
    kept = [record for record in records if record.split in ("train", "extra")]
    taught = {
        "train_detector": ("part annotation", any(record.parts is not None for record in kept), "prepare.parts"),
        "train_span": ("viewpoint", any(record.viewpoint is not None for record in kept), "prepare.viewpoints"),
    }
    return [
        _fails(
            stage,
            f"no image of the splits train and extra has a {what}",
            f"Give some by {source}, or let another data set teach it: {stage}.dataset.",
        )
        for stage, (what, able, source) in taught.items()
        if plan.lenders.get(stage) == plan.data_set and not able
    ]


def _training(records: Sequence[ImageRecord], plan: Plan) -> list[Finding]:
    trained = {record.vehicle_id for record in records if record.split == "train"} - {None}
    if not trained and plan.vehicles_per_batch:
        advice = (
            "Give images with a known vehicle the split train. A data set that only lends its detector or SPAN is not "
            "for re-ID: run the other data sets by name, as dvc repro evaluate@OTHER-MODEL."
        )
        return [_fails("train_reid", "no image of the split train", advice)]
    short = {model: count for model, count in plan.vehicles_per_batch.items() if count > len(trained)}
    return [
        _fails(
            "train_reid",
            f"{model} takes {count} vehicles a batch, the split train has {len(trained)}",
            f"Add vehicles, or set identities_per_batch: {len(trained)} or less under reid_models.{model}.",
        )
        for model, count in short.items()
    ]


def _evaluation(records: Sequence[ImageRecord], plan: Plan) -> list[Finding]:
    if not plan.vehicles_per_batch:
        return []
    tests = roles_by_test_set(records)
    if not tests:
        advice = "Give images of vehicles that are not trained on the splits query and gallery, or test."
        return [_fails("evaluate", "no image is a query or in a gallery", advice)]
    faults = [fault for name, roles in tests.items() for fault in _test_set(name, records, roles, plan.protocol)]
    return faults if len(faults) == len(tests) else []


def _test_set(name: str, records: Sequence[ImageRecord], roles: Sequence[str], protocol: str) -> list[Finding]:
    """At most one fault, that of the whole test set."""
    members = [(record, role) for record, role in zip(records, roles, strict=True) if role]
    if any(role == "drawn" for _, role in members) or not any(record.vehicle_id for record, _ in members):
        return []
    queries, gallery = ([r for r, role in members if role in (kind, "both")] for kind in ("query", "gallery"))
    absent = [kind for kind, images in (("query", queries), ("gallery", gallery)) if not images]
    if absent:
        advice = f"Give images of its vehicles the split {absent[0]}."
        return [_fails("evaluate", f"test set {name} has no image of the role {absent[0]}", advice)]
    cameras: dict[str | None, set[str | None]] = {}
    for record in gallery:
        cameras.setdefault(record.vehicle_id, set()).add(record.camera_id)
    if any(None in (seen := cameras.get(query.vehicle_id, set())) or seen - {query.camera_id} for query in queries):
        return []
    found = [query for query in queries if query.vehicle_id in cameras]
    if not found:
        return [
            _fails("evaluate", f"test set {name}: no query's vehicle is in the gallery", "Add gallery images of them.")
        ]
    if protocol not in SAME_CAMERA_REMOVED or any(query.camera_id is None for query in found):
        return []
    why = f"test set {name}: the protocol {protocol} removes what the query's own camera took, which is every match"
    return [_fails("evaluate", why, "Set evaluate.protocol: every_camera, or fill in the cameras.")]
