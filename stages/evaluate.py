"""Ranks the gallery for every query and measures the ranking.

Reads: data/images/<dataset>.h5 (its table), data/features/<dataset>/<model>.h5.
Writes: data/evaluation/<dataset>/<model>/ with metrics.json, cmc.csv, queries.csv and ranking.h5.
"""

from pathlib import Path

import click

from pipeline import params
from pipeline.evaluation import EvaluateParams, evaluate_table, write_evaluation
from pipeline.features import read_features
from pipeline.files import file_digest
from pipeline.images import ImageStore
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
    store = ImageStore(images)
    read, header = read_features(features, store.digest)
    if header.notes["model"] != model:
        raise ValueError(f"{features}: expected features of model {model!r}, got {header.notes['model']!r}")
    problem, evaluation, metrics = evaluate_table(store, read, values)
    metrics["model"] = model
    made_by = {"features": file_digest(features)}
    write_evaluation(output, store, read, problem, evaluation, metrics, values, made_by)
    click.echo(f"{output}: mAP {metrics['mAP']:.3f} over {metrics['queries']} queries")


if __name__ == "__main__":
    main()
