"""Ranks the gallery for every query and measures the ranking.

Reads: data/images/<dataset>.h5 (its table), data/features/<dataset>/<model>.h5.
Writes: data/evaluation/<dataset>/<model>/ with metrics.json, cmc.csv, ranking.h5 and tables/.
"""

from dataclasses import replace

import click

from pipeline.artifacts.features import read_features
from pipeline.networks.runtime import RuntimeParams, start
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_table
from pipeline.retrieval.output import outcome, write_evaluation
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from stages.command import dataset_option, model_option, stage


@stage
@dataset_option
@model_option
def evaluate(workspace: Workspace) -> None:
    """Evaluate and write."""
    evaluate_features(workspace, "features", "metrics", {})


def evaluate_features(workspace: Workspace, found: str, metrics: str, facts: dict[str, str]) -> None:
    """Evaluate the features of one place and write to another, both keys of `PLACES`; the metrics say `facts` too."""
    params = workspace.load("evaluate", EvaluateParams)
    device = start(replace(workspace.load("runtime", RuntimeParams), devices=1)).device
    store, path = ImageStore(workspace.existing("images")), workspace.existing(found)
    features, header = read_features(path, store.digest)
    if header.notes["model"] != workspace.model:
        raise ValueError(f"{path}: expected features of model {workspace.model!r}, got {header.notes['model']!r}")
    evaluation = evaluate_table(store, features, params, device, click.echo)
    evaluation = replace(evaluation, metrics=evaluation.metrics | {"model": workspace.model} | facts)
    folder = workspace.path(metrics).parent
    write_evaluation(folder, store, features, evaluation, params.curve_length, {"features": file_digest(path)})
    click.echo(f"{folder}: {outcome(evaluation.metrics)}")


if __name__ == "__main__":
    evaluate()
