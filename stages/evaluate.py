"""Ranks the gallery for every query and measures the ranking.

Reads: data/images/<dataset>.h5 (its table), data/features/<dataset>/<model>.h5.
Writes: data/evaluation/<dataset>/<model>/ with metrics.json, cmc.csv, ranking.h5 and tables/.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pipeline.artifacts.features import read_features
from pipeline.networks import runtime
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_table
from pipeline.retrieval.output import SUBMISSION, write_evaluation
from pipeline.store import params
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Name of the data set.")
@click.option("--model", required=True, help="Name of the model.")
@click.option("--images", type=PATH, required=True, help="Image store.")
@click.option("--features", type=PATH, required=True, help="Features of the model.")
@click.option("--output", type=PATH, required=True, help="Folder to write.")
def main(params_path: Path, dataset: str, model: str, images: Path, features: Path, output: Path) -> None:
    """Evaluate and write."""
    values = params.load(params_path, "evaluate", EvaluateParams, dataset=dataset)
    how = replace(params.load(params_path, "runtime", runtime.Runtime), devices=1)
    device = runtime.start(how).device
    store = ImageStore(images)
    read, header = read_features(features, store.digest)
    if header.notes["model"] != model:
        raise ValueError(f"{features}: expected features of model {model!r}, got {header.notes['model']!r}")
    leading, everything, metrics = evaluate_table(store, read, values, device, click.echo)
    made_by = {"features": file_digest(features)}
    metrics["model"] = model
    write_evaluation(output, store, read, leading, everything, metrics, values.curve_length, made_by)
    click.echo(f"{output}: {outcome(metrics)}")


def outcome(metrics: dict[str, Any]) -> str:
    """One line that sums the leading test set up."""
    about = f"{metrics['test_set']} by {metrics['protocol']}, {metrics['queries']:,} queries"
    if metrics["mAP"] is None:
        file = SUBMISSION.format(metrics["test_set"])
        return f"{about}: identities are withheld; tables/{file} holds the ranking for the benchmark's server"
    low, high = metrics["interval"].get("mAP", (metrics["mAP"], metrics["mAP"]))
    return f"{about}: mAP {metrics['mAP']:.3f} (95 %: {low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
