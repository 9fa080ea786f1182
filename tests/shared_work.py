"""All trainings and predictions on the tiny data set, to be run by one process or by two.

`python -m shared_work ROOT FOLDER` does it by two processes: predictions go to ROOT, as by the stages; FOLDER gets the
first process's weights and histories, and a checkpoint of both.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData
from lightning_fabric import Fabric
from tiny_run import run_stage
from torch import Tensor, nn

from pipeline.artifacts.foreground import open_foreground
from pipeline.artifacts.seeds import open_seeds
from pipeline.foreground import training as foreground
from pipeline.networks.devices import is_first
from pipeline.networks.runtime import start
from pipeline.parts import training as parts
from pipeline.reid import training as reid
from pipeline.reid.params import load_model
from pipeline.reid.samples import open_sources
from pipeline.store.images import ImageStore
from pipeline.store.runtime import RuntimeParams
from pipeline.training import loop
from pipeline.training.loop import Trained
from pipeline.views import training as views
from pipeline.views.labels import viewpoint_labels
from stages.detect_parts import detect_parts
from stages.embed import embed
from stages.predict_foreground import predict_foreground
from stages.predict_part_masks import predict_part_masks

STEPS = 20
SCHEDULE: dict[str, Any] = {"epochs": None, "iterations": STEPS, "learning_rate": 1e-4, "weight_decay": 1e-4}
CHANGES: dict[str, Any] = {
    "train_foreground": {
        "batch_size": 7,
        "remove_after_epochs": 4,
        "relabel_from_epoch": 2,
        "schedule": SCHEDULE,
    },
    "train_detector": {"batch_size": 7, "held_back_every": 0, "schedule": SCHEDULE},
    "train_span": {
        "batch_size": 3,
        "images_per_label_set": None,
        "network": {"backbone": "resnet10_narrow"},
        "warmup": {**SCHEDULE, "iterations": 3},
        "schedule": SCHEDULE,
    },
    "train_reid": {**SCHEDULE, "identities_per_batch": 3, "images_per_identity": 2, "label_smoothing": 0.1},
    "reid_models": {
        "fused": {
            "dimension": 16,
            "view_dimension": 8,
            "top_d": 4,
            "class_boxes": 4,
            "attention_layers": "release",
            "triplet_weights": {"fused": 1, "global": 0, "part": 0, "cpdm": 0.5, "shared": 0.5},
        }
    },
}
"""Batches that two processes cannot halve, and an epoch's last batch of one image; losses of weight 0.

No parameter has a gradient that is 0 but for rounding, as a shift of features that only distances read has, or a bias
below a softmax: Adam would make steps of it.
"""
PREDICTIONS = {
    detect_parts: "parts",
    predict_foreground: "foreground",
    predict_part_masks: "part_masks",
    embed: "features",
}
"""Stage -> the cache it writes."""


class Stopped(Exception):
    """Stands for a process that is killed."""


def everything_trained_on(data: TinyData) -> ImageStore:
    """The tiny images, those of query and gallery too: eight, of four vehicles."""
    store = data.store
    store.splits[:] = "train"
    return store


def train_foreground(data: TinyData, runtime: RuntimeParams, fabric: Fabric, scratch: Path | None) -> Trained[Any]:
    store = everything_trained_on(data)
    values = data.workspace().load("train_foreground", foreground.ForegroundTrainingParams)
    return foreground.train(store, open_seeds(data.path("grabcut"), store.digest), values, runtime, fabric, scratch)


def train_detector(data: TinyData, runtime: RuntimeParams, fabric: Fabric, scratch: Path | None) -> Trained[Any]:
    values = data.workspace().load("train_detector", parts.DetectorTrainingParams)
    return parts.train(everything_trained_on(data), values, runtime, fabric, scratch)


def train_span(data: TinyData, runtime: RuntimeParams, fabric: Fabric, scratch: Path | None) -> Trained[Any]:
    store = everything_trained_on(data)
    values = data.workspace().load("train_span", views.SpanTrainingParams)
    foreground_masks = open_foreground(data.path("foreground"), store.digest)
    return views.train(store, viewpoint_labels(store), foreground_masks, values, runtime, fabric, scratch)


def train_reid(data: TinyData, runtime: RuntimeParams, fabric: Fabric, scratch: Path | None) -> Trained[Any]:
    store, workspace = everything_trained_on(data), data.workspace("fused")
    values = load_model(workspace.parameters, data.name, "fused")
    rows = reid.training_rows(store)
    network = normed_by_image(reid.build_network(values, store, rows))
    sources = open_sources(store, workspace.existing, network.inputs)
    return reid.train(network, sources, rows, values, runtime, fabric, scratch)


TRAININGS: dict[str, Callable[[TinyData, RuntimeParams, Fabric, Path | None], Trained[Any]]] = {
    "foreground": train_foreground,
    "detector": train_detector,
    "span": train_span,
    "reid": train_reid,
}


def normed_by_image(network: Any) -> Any:
    """The network with a norm over each image in place of batch norm, whose statistics would be those of a share."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                norm = nn.GroupNorm(1, child.num_features)
                norm.bias.requires_grad_(child.bias.requires_grad)
                setattr(module, name, norm)
    return network


@contextmanager
def without_batch_norm() -> Iterator[None]:
    """Let the trainings that build their network themselves build one without batch norm."""
    with ExitStack() as stack:
        for room, name in ((foreground, "build_foreground"), (parts, "build_detector"), (views, "build_span")):
            build = getattr(room, name)
            stack.enter_context(
                patch.object(room, name, lambda *arguments, build=build: normed_by_image(build(*arguments)))
            )
        yield


def outcome(trained: Trained[Any]) -> dict[str, Any]:
    return {"weights": dict(trained.network.state_dict()), "history": trained.history}


def work(data: TinyData, runtime: RuntimeParams) -> dict[str, dict[str, Any]]:
    """Train everything; name of the training -> weights and history."""
    results = {}
    with without_batch_norm():
        for name, train in TRAININGS.items():
            results[name] = outcome(train(data, runtime, start(runtime), None))
    return results


def stop_after(epochs: int, scratch: Path, data: TinyData, runtime: RuntimeParams) -> None:
    """Train the re-ID model until an epoch begins, leaving a checkpoint of the last one in `scratch`."""
    original = reid.identity_batches

    def stopping(*arguments: Any) -> Any:
        if arguments[-1] == epochs:
            raise Stopped
        return original(*arguments)

    with patch.object(reid, "identity_batches", stopping), patch.object(loop, "SECONDS_BETWEEN_CHECKPOINTS", -1.0):
        try:
            train_reid(data, runtime, start(runtime), scratch)
        except Stopped:
            return
    raise AssertionError("the training was to be stopped")


def main(root: Path, output: Path) -> None:
    data, runtime = TinyData(root, "tiny"), replace(RUNTIME, devices=2)
    results: dict[str, Any] = work(data, runtime)
    for stage in PREDICTIONS:
        run_stage(stage, root, model="pgan" if stage is embed else "")
    results["continued"] = outcome(train_reid(data, runtime, start(runtime), output / "of_one"))
    stop_after(7, output / "of_two", data, runtime)
    if is_first():
        torch.save(results, output / "results.pt")


def same_weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Greatest difference of two networks' weights."""
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
