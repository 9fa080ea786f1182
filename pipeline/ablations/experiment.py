"""What all runs on a data set share."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.ablations.splits import Split, split_of
from pipeline.networks.runtime import start
from pipeline.reid.embedding import EmbedParams
from pipeline.retrieval.evaluation import EvaluateParams
from pipeline.retrieval.problems import find_test_sets, leading_test_set
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams


@dataclass(frozen=True)
class Experiment:
    """What all runs on a data set share.

    Attributes:
        workspace: Where images and caches lie, and where runs are kept.
        store: The images.
        split: What is trained on and measured on.
        share: Share of the training vehicles that is held out to measure on; 0 for the test split.
        runtime: Seed of the first run, and arithmetic.
        embedding: The `embed` section of the parameters.
        evaluation: The `evaluate` section.
        device: Kind of device that is computed on, as ``cpu``.
    """

    workspace: Workspace
    store: ImageStore
    split: Split
    share: float
    runtime: RuntimeParams
    embedding: EmbedParams
    evaluation: EvaluateParams
    device: str

    @property
    def held_out(self) -> NDArray[np.int64]:
        """Rows of the vehicles held out of the training; none where the test split is measured on."""
        return self.split.embedded[:0] if self.split.held_out is None else self.split.embedded


def open_experiment(workspace: Workspace, share: float) -> Experiment:
    """Read what all runs on the workspace's data set share.

    Args:
        workspace: Names the data set.
        share: Share of the training vehicles to hold out and measure on; 0 measures on the test split.

    Raises:
        FileNotFoundError: The images do not exist.
        ValueError: A section of the parameters is wrong, vehicles cannot be split so, or those of the test set are
            withheld.
    """
    store = ImageStore(workspace.existing("images"))
    evaluation = workspace.load("evaluate", EvaluateParams)
    split = split_of(store, share, evaluation.protocol)
    tests = find_test_sets(store, split.embedded) if split.held_out is None else []
    if tests and leading_test_set(tests, evaluation.test_set, str(store.path)).withheld:
        raise ValueError(f"{store.path}: the vehicles of its test set are withheld; measure on some held out instead")
    runtime = replace(workspace.load("runtime", RuntimeParams), devices=1)
    embedding = workspace.load("embed", EmbedParams)
    return Experiment(workspace, store, split, share, runtime, embedding, evaluation, start(runtime).device.type)
