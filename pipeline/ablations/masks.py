"""Part masks of a row of its own: a SPAN trained as the row says, beside the workspace's, which it leaves alone."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.ablations.code import MASKS
from pipeline.ablations.contents import content_of, content_of_pretrained
from pipeline.artifacts.foreground import maker_of, open_foreground
from pipeline.artifacts.views import write_views
from pipeline.maps.columns import Column
from pipeline.networks.runtime import start
from pipeline.store import hdf5, params
from pipeline.store.code import loaded_code
from pipeline.store.files import digest_of, write_json
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from pipeline.store.vocabulary import VIEWS
from pipeline.views.labels import viewpoint_labels
from pipeline.views.network import restore
from pipeline.views.prediction import ViewPredictionParams, predict
from pipeline.views.trained_on import KIND
from pipeline.views.training import SpanTrainingParams, train

T = TypeVar("T")

FOLDER = ".scratch/ablation_masks"
"""Folder of all of them: ``<data set>/seed<k>-<digest>``."""
DIGITS = 16
"""Digits of the digest in a folder's name."""
HELD_OUT = "held_out"
"""Split of vehicles held out of the training."""


@dataclass(frozen=True)
class OwnMasks:
    """Part masks made by a SPAN of their own, or to be made.

    Attributes:
        folder: Holds ``span.safetensors``, ``history.csv``, ``part_masks.h5`` and, once all are there, ``made.json``;
            named by a digest of `inputs`, so that rows of the same values share it.
        inputs: Everything that decides the masks.
        training: Parameters of SPAN.
        prediction: Parameters of its masks.
        runtime: Seed and arithmetic.
        teacher: Names the data set SPAN is trained on.
        pupil: Names the data set whose masks are made.
        held_out: Rows of the teacher that SPAN is not trained on.
    """

    folder: Path
    inputs: Mapping[str, Any]
    training: SpanTrainingParams
    prediction: ViewPredictionParams
    runtime: RuntimeParams
    teacher: Workspace
    pupil: Workspace
    held_out: NDArray[np.int64]

    @property
    def path(self) -> Path:
        """The part masks, in the form of ``data/part_masks/<dataset>.h5``."""
        return self.folder / "part_masks.h5"

    @property
    def done(self) -> bool:
        """Whether the masks are there."""
        return (self.folder / "made.json").exists() and self.path.exists()

    def make(self) -> None:
        """Train SPAN and predict the masks; what an interrupted call began is gone on with.

        Raises:
            ValueError: No labelled images, or impossible parameters.
        """
        started, fresh = perf_counter(), not self.folder.exists()
        weights = self.folder / "span.safetensors"
        if not weights.exists():
            self._train(weights)
        store, foreground = _seen(self.pupil)
        within = Column(partial(foreground.row, "masks"), np.arange(len(store)))
        fabric = start(self.runtime)
        masks = predict(restore(weights, VIEWS), store, within, self.prediction, self.runtime, fabric)
        makers = {"foreground": maker_of(foreground), "span": content_of(weights)}
        made_by = {**makers, "params": digest_of(asdict(self.prediction))}
        write_views(
            self.path, store.digest, len(store), self.prediction.size, (block["masks"] for block in masks), made_by
        )
        seconds = perf_counter() - started if fresh else None
        write_json(self.folder / "made.json", {"inputs": self.inputs, "seconds": seconds})

    def _train(self, weights: Path) -> None:
        store, foreground = _seen(self.teacher)
        if len(self.held_out):
            store.splits = np.where(np.isin(np.arange(len(store)), self.held_out), HELD_OUT, store.splits)
        fabric = start(self.runtime)
        trained = train(
            store, viewpoint_labels(store), foreground, self.training, self.runtime, fabric, self.folder / "training"
        )
        seen = {"table": store.digest, "foreground": content_of(foreground.path)}
        trained = replace(trained, metadata=trained.metadata | seen)
        trained.write(weights, KIND, self.folder / "history.csv")
        shutil.rmtree(self.folder / "training", ignore_errors=True)


def own_masks(
    workspace: Workspace,
    document: Mapping[str, Any],
    changes: Mapping[str, Mapping[str, Any]],
    held_out: NDArray[np.int64],
    runtime: RuntimeParams,
    device: str,
) -> OwnMasks:
    """Say which masks a row makes, without making them.

    SPAN is trained on the data set that `train_span` names, as the workspace's own is; with nothing changed and nobody
    held out, a CPU makes the same masks as the stages.

    Args:
        workspace: Names the data set whose masks are made.
        document: Its parsed parameter file.
        changes: Section, `train_span` or `predict_part_masks` -> what is laid over it, key by key at every depth.
        held_out: Rows of the data set that SPAN must not be trained on.
        runtime: Seed and arithmetic.
        device: Kind of device, as ``cpu``.

    Raises:
        FileNotFoundError: Images or foreground masks do not exist.
        ValueError: A value is unknown, missing or wrong.
    """
    chosen = str(params.mapping(document, workspace.parameters, "train_span").get("dataset"))
    teacher = replace(workspace, dataset=chosen)
    training = _section(document, teacher, "train_span", SpanTrainingParams, changes)
    prediction = _section(document, workspace, "predict_part_masks", ViewPredictionParams, changes)
    away = held_out if chosen == workspace.dataset else held_out[:0]
    inputs = {
        "train_span": asdict(training),
        "predict_part_masks": asdict(prediction),
        "pretrained": content_of_pretrained(training.pretrained),
        "arithmetic": {**runtime.arithmetic, "device": device},
        "tables": [hdf5.read_header(seen.existing("images")).table for seen in (teacher, workspace)],
        "foreground": [content_of(seen.existing("foreground")) for seen in (teacher, workspace)],
        "held_out": digest_of(away.tolist()),
        "code": loaded_code(MASKS),
    }
    folder = workspace.root / FOLDER / workspace.dataset / f"seed{runtime.seed}-{digest_of(inputs)[:DIGITS]}"
    return OwnMasks(folder, inputs, training, prediction, runtime, teacher, workspace, away)


def _section(
    document: Mapping[str, Any],
    workspace: Workspace,
    name: str,
    cls: type[T],
    changes: Mapping[str, Mapping[str, Any]],
) -> T:
    """A section of the parameters as the data set has it, with a row's changes laid over it."""
    path = workspace.parameters
    (own,) = params.overrides(document, path, workspace.dataset, (name,))
    values = params.merge(params.mapping(document, path, name), own, changes.get(name, {}))
    return params.build(cls, values, f"{path}: {name} with a row's changes")


def _seen(workspace: Workspace) -> tuple[ImageStore, hdf5.Cache]:
    """Images of a data set and their foreground masks."""
    store = ImageStore(workspace.existing("images"))
    return store, open_foreground(workspace.existing("foreground"), store.digest)
