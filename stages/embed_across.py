"""Computes the features of a data set's test images by a model that was trained on another.

Reads: data/images/<dataset>.h5, models/reid/<trained on>/<model>.safetensors and, where the model needs them,
data/parts/<dataset>.h5 and data/part_masks/<dataset>.h5.
Writes, below data: features, attention and rows/features, each <dataset>/from_<trained on>/<model>.h5.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.reid.samples import ReidSources, check_networks_alike
from pipeline.store.places import Workspace
from stages.command import dataset_option, model_option, stage, trained_on_option
from stages.embed import embed_images


@stage
@trained_on_option
@dataset_option
@model_option
def embed_across(workspace: Workspace) -> None:
    """Embed by another data set's model and write."""
    trained = replace(workspace, dataset=workspace.trained_on, trained_on="")
    embed_images(workspace, trained, "_across", _check_networks)


def _check_networks(sources: ReidSources, weights: Path, metadata: Mapping[str, Any]) -> None:
    check_networks_alike(sources, metadata["makers"])


if __name__ == "__main__":
    embed_across()
