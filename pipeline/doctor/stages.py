"""The doctor on the run: stages that would fail on a data set, some of them hours after the start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.datasets.records import ImageRecord
from pipeline.doctor.evaluation import Measures, find_evaluation_faults
from pipeline.doctor.findings import Finding, failing


@dataclass(frozen=True)
class Plan:
    """What the run means to do with a data set.

    Attributes:
        data_set: Its name.
        data_sets: Names of those that the run lists.
        lenders: Stage that trains one network for the workspace -> name of the data set that it learns from.
        vehicles_per_batch: Re-ID model of the run -> vehicles of each of its batches.
        evaluate: The section `evaluate`.
        refused: Stage, or model of one -> what it says of values in its section, which it will not run with.
        elsewhere: What this machine cannot give the run, as `runtime` asks for it.
    """

    data_set: str
    data_sets: Sequence[str]
    lenders: Mapping[str, str]
    vehicles_per_batch: Mapping[str, int]
    evaluate: Measures
    refused: Mapping[str, str]
    elsewhere: Sequence[str]


def find_stage_faults(records: Sequence[ImageRecord], plan: Plan) -> list[Finding]:
    """Say which stages fail on a data set, and what to set.

    Args:
        records: The images that are kept.
        plan: What the run does with them.
    """
    return [
        *unlisted(plan),
        *_unlisted_lenders(plan),
        *_refused(plan),
        *_machine(plan),
        *_lending(records, plan),
        *_training(records, plan),
        *find_evaluation_faults(records, plan.evaluate, measured=bool(plan.vehicles_per_batch)),
    ]


def unlisted(plan: Plan) -> list[Finding]:
    """A note where the run leaves the data set out."""
    if plan.data_set in plan.data_sets:
        return []
    shown = (f"datasets: {', '.join(plan.data_sets)}",)
    advice = f"Add {plan.data_set} to datasets in params.yaml; until then dvc repro leaves it out."
    return [Finding("run", "note", 1, "data set that the run does not list", shown, advice)]


def _unlisted_lenders(plan: Plan) -> list[Finding]:
    """Errors where the run would need of another data set an artifact that it does not make."""
    if plan.data_set not in plan.data_sets:
        return []
    listed = ", ".join(plan.data_sets)
    return [
        failing(
            stage,
            f"{stage}.dataset is {lender}, which datasets does not list: {listed}",
            advice=f"Add {lender} to datasets in params.yaml, or name one of those listed as {stage}.dataset.",
        )
        for stage, lender in plan.lenders.items()
        if lender not in plan.data_sets
    ]


def _refused(plan: Plan) -> list[Finding]:
    advice = "Correct what the message names in params.yaml, or under this data set's overrides."
    return [failing(stage, why, advice=advice) for stage, why in plan.refused.items()]


def _machine(plan: Plan) -> list[Finding]:
    advice = "Run elsewhere, or set runtime as this machine is."
    shown = tuple(plan.elsewhere[:3])
    return [Finding("run", "warning", len(shown), "things that this machine lacks", shown, advice)] if shown else []


def _lending(records: Sequence[ImageRecord], plan: Plan) -> list[Finding]:
    """Networks of the workspace that are to learn from this data set and cannot."""
    kept = [record for record in records if record.split in ("train", "extra")]
    taught = {
        "train_detector": ("part annotation", any(record.parts is not None for record in kept), "prepare.parts"),
        "train_span": ("viewpoint", any(record.viewpoint is not None for record in kept), "prepare.viewpoints"),
    }
    return [
        failing(
            stage,
            f"no image of the splits train and extra has a {what}",
            advice=f"Give some by {source}, or let another data set teach it: {stage}.dataset.",
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
        return [failing("train_reid", "no image of the split train", advice=advice)]
    short = {model: count for model, count in plan.vehicles_per_batch.items() if count > len(trained)}
    return [
        failing(
            "train_reid",
            f"{model} takes {count} vehicles a batch, the split train has {len(trained)}",
            advice=f"Add vehicles, or set identities_per_batch: {len(trained)} or less under reid_models.{model}.",
        )
        for model, count in short.items()
    ]
