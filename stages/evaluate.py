"""Ranks the gallery for every query and measures the ranking.

Reads: data/images/<dataset>.h5 (its table), data/features/<dataset>/<model>.h5.
Writes: data/evaluation/<dataset>/<model>/ with metrics.json, cmc.csv, ranking.h5 and tables/.
"""

from dataclasses import replace

import click

from pipeline.artifacts.features import read_features
from pipeline.networks.runtime import start
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_table
from pipeline.retrieval.output import outcome, write_evaluation
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from stages.command import dataset_option, model_option, stage


@stage
@dataset_option
@model_option
def evaluate(workspace: Workspace) -> None:
    """Evaluate and write."""
    evaluate_features(workspace, "", {})


def evaluate_features(workspace: Workspace, ending: str, facts: dict[str, str]) -> None:
    """Evaluate and write; `ending` ends the names of the places read and written, and the metrics say `facts` too."""
    found = f"features{ending}"
    params = workspace.load("evaluate", EvaluateParams)
    device = start(replace(workspace.load("runtime", RuntimeParams), devices=1)).device
    store, path = ImageStore(current(workspace, "images")), workspace.existing(found)
    features, header = read_features(path, store.digest)
    if header.notes["model"] != workspace.model:
        raise ValueError(f"{path}: expected features of model {workspace.model!r}, got {header.notes['model']!r}")
    current(workspace, found)
    evaluation = evaluate_table(store, features, params, device, click.echo)
    named = {"dataset": workspace.dataset, "model": workspace.model, **facts}
    evaluation = replace(evaluation, metrics=evaluation.metrics | named)
    folder = workspace.path(f"metrics{ending}").parent
    made_by = {"features": file_digest(path), **origin_of(workspace, f"ranking{ending}")}
    write_evaluation(folder, store, features, evaluation, params.curve_length, made_by)
    click.echo(f"{folder}: {outcome(evaluation.metrics)}")


if __name__ == "__main__":
    evaluate()
