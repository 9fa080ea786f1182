"""Measures the ranking of a data set's test images by a model that was trained on another.

Reads: data/images/<dataset>.h5 (its table), data/features/<dataset>/from_<trained on>/<model>.h5.
Writes: data/evaluation/<dataset>/from_<trained on>/<model>/ with metrics.json, cmc.csv, ranking.h5 and tables/.
"""

from pipeline.store.places import Workspace
from stages.command import dataset_option, model_option, stage, trained_on_option
from stages.evaluate import evaluate_features


@stage
@trained_on_option
@dataset_option
@model_option
def evaluate_across(workspace: Workspace) -> None:
    """Evaluate another data set's model and write."""
    evaluate_features(workspace, "_across", {"trained_on": workspace.trained_on})


if __name__ == "__main__":
    evaluate_across()
