"""Stages run on the tiny data set: their parameters, small throughout, and a run of small random networks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from click.testing import CliRunner, Result
from drawn_vehicles import TinyData, rewrite_cache
from ruamel.yaml import YAML
from torch import nn

from benchmarks.miniature import TINY
from pipeline.artifacts.foreground import open_foreground
from pipeline.artifacts.seeds import open_seeds
from pipeline.foreground import network as foreground_network
from pipeline.foreground import training as foreground_training
from pipeline.networks.runtime import start
from pipeline.parts import trained_on as detector_trained_on
from pipeline.parts import training as detector_training
from pipeline.reid import training as reid_training
from pipeline.reid.build import KIND as REID_KIND
from pipeline.reid.params import load_model
from pipeline.reid.samples import open_sources
from pipeline.store.origin import origin_of
from pipeline.store.params import merge, read
from pipeline.store.runtime import RuntimeParams
from pipeline.views import trained_on as span_trained_on
from pipeline.views import training as span_training
from pipeline.views.labels import viewpoint_labels
from stages.detect_parts import detect_parts
from stages.embed import embed
from stages.predict_foreground import predict_foreground
from stages.predict_part_masks import predict_part_masks

PROJECT = Path(__file__).parents[1]
MODELS = ("baseline", "pgan", "span_cpdm")


def write_params(root: Path, runtime: dict[str, Any] | None = None, *, dataset: str = "tiny", **changes: Any) -> None:
    """Write the project's parameters with small values for the tiny data set, or for another.

    Args:
        root: Where ``params.yaml`` goes.
        runtime: What the section `runtime` has differently.
        dataset: Name of the data set.
        changes: Section -> what to lay over `TINY`.
    """
    document = read(PROJECT / "params.yaml")
    document["runtime"] |= {"threads": 1, "accelerator": "cpu", **(runtime or {})}
    for stage in ("train_detector", "train_span"):
        document[stage]["dataset"] = "tiny"
    document["overrides"][dataset] = merge(TINY, changes)
    with open(root / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)


def write_overrides(root: Path, changes: dict[str, Any]) -> None:
    """Lay more over the data sets of a parameter file."""
    document = read(root / "params.yaml")
    document["overrides"] = merge(document["overrides"], changes)
    with open(root / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)


def copy_for_another(data: TinyData, other: TinyData, kind: str) -> None:
    """Copy a cache, as if it had been made for another data set of the same images."""
    rewrite_cache(data.path(kind), other.path(kind), origin_of(other.workspace(), kind))


def invoke(stage: Any, root: Path, *more: object, dataset: str = "tiny", model: str = "") -> Result:
    """Run a stage on a data set below `root`."""
    names = ["--dataset", dataset, *(["--model", model] if model else [])]
    return CliRunner().invoke(stage, [*names, "--root", str(root), *map(str, more)])


def run_stage(stage: Any, root: Path, *, dataset: str = "tiny", model: str = "") -> str:
    """Run a stage that must succeed on a data set below `root`; returns what it printed."""
    result = invoke(stage, root, dataset=dataset, model=model)
    assert result.exit_code == 0, result.output
    return result.output


def write_run(tiny: TinyData, folder: Path) -> TinyData:
    """Copy the tiny data set to `folder`, give it random networks, and make anew by real stages what they make."""
    run = tiny.copy(folder)
    write_params(run.root)
    _write_networks(run)
    for stage in (detect_parts, predict_foreground, predict_part_masks):
        run_stage(stage, run.root)
    for model in MODELS:
        write_model(run, model)
        run_stage(embed, run.root, model=model)
    return run


def _write_networks(run: TinyData) -> None:
    """Write the networks that no epoch of training leaves; masks are far from flat and differ between images."""
    workspace, store = run.workspace(), run.store
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime)
    detector = _untrained(workspace.load("train_detector", detector_training.DetectorTrainingParams))
    detecting = detector_training.train(store, detector, runtime, fabric, None)
    detecting.write(run.path("detector"), detector_trained_on.KIND, run.path("detector_history"))
    foreground = _untrained(workspace.load("train_foreground", foreground_training.ForegroundTrainingParams))
    seeds = open_seeds(run.path("grabcut"), store.digest)
    cutting = foreground_training.train(store, seeds, foreground, runtime, fabric, None)
    _sharpen(cutting.network.decoder)
    cutting.write(run.path("foreground_network"), foreground_network.KIND, run.path("foreground_history"))
    span = _untrained(workspace.load("train_span", span_training.SpanTrainingParams))
    masks = open_foreground(run.path("foreground"), store.digest)
    viewing = span_training.train(
        store, viewpoint_labels(store), masks, replace(span, warmup=span.schedule), runtime, fabric, None
    )
    for generator in viewing.network.generators:
        _sharpen(generator)
    viewing.write(run.path("span"), span_trained_on.KIND, run.path("span_history"))


def write_model(run: TinyData, model: str, seed: int = 0) -> None:
    """Write the re-ID model that no epoch of training leaves."""
    workspace, store = run.workspace(model), run.store
    params = load_model(workspace.parameters, run.name, model)
    runtime = replace(workspace.load("runtime", RuntimeParams), seed=seed)
    fabric = start(runtime)
    rows = reid_training.training_rows(store)
    network = reid_training.build_network(params, store, rows)
    sources = open_sources(store, workspace.existing, network.inputs)
    untrained = replace(params, training=replace(params.training, epochs=0))
    trained = reid_training.train(network, sources, rows, untrained, runtime, fabric)
    trained = replace(trained, metadata=trained.metadata | {"model": model})
    trained.write(run.path("reid", model), REID_KIND, run.path("reid_history", model))


def _untrained(params: Any) -> Any:
    return replace(params, schedule=replace(params.schedule, epochs=0))


def _sharpen(decoder: nn.Module) -> None:
    """Scale the last transposed convolution."""
    *_, last = (module for module in decoder.modules() if isinstance(module, nn.ConvTranspose2d))
    with torch.no_grad():
        last.weight.mul_(200)
