"""A trained re-ID model as files that run without this code, each checked against the pipeline before it is kept."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.artifacts.features import Features, read_features
from pipeline.export.graphs import ModelGraph, WholeGraph
from pipeline.export.onnx_file import FORMAT, open_session, write_onnx
from pipeline.export.parity import Feed, Parity, compare, run_file
from pipeline.export.parts import PartGraph
from pipeline.export.quantisation import QUANTISED, write_quantised
from pipeline.export.views import ForegroundGraph, ViewGraph
from pipeline.foreground import network as foreground_network
from pipeline.parts import network as parts_network
from pipeline.reid.build import restore
from pipeline.reid.samples import ReidSources
from pipeline.retrieval.evaluation import EvaluateParams
from pipeline.search.fitting import SearchParams, check_networks
from pipeline.search.gallery import open_gallery
from pipeline.store.files import atomic, file_digest
from pipeline.store.places import Workspace
from pipeline.store.vocabulary import PART_CLASSES, VIEWS
from pipeline.views import network as views_network

BATCH = 32
"""Images given to a file at once, at most, where it is checked."""
CALIBRATION = 64
"""Training images that ranges of 8-bit activations are measured on."""
WHOLE = "_from_images"
"""Ends the name of the file that holds the networks before the model too."""
DIFFERENT_SHARE = 0.03
"""Share of the images that may differ by more where masks are found anew: ONNX Runtime adds in another order, so a
probability between two grey levels may be rounded to the other, at 1.4 % of the fleet's images where it shows."""
EXAMPLE_SIZE = (37, 53)
"""Height and width of the images a graph is traced with, which it leaves open."""


@dataclass(frozen=True)
class Exported:
    """A file and what was measured of it.

    Attributes:
        path: The file.
        megabytes: Its size.
        parity: Its features against the pipeline's.
        graph: What it was made from, as torch runs it.
        feed: Gives its inputs.
    """

    path: Path
    megabytes: float
    parity: Parity
    graph: ModelGraph | WholeGraph
    feed: Feed


@dataclass(frozen=True)
class _Source:
    """What all files of one model are made from and checked against."""

    workspace: Workspace
    values: SearchParams
    evaluation: EvaluateParams
    sources: ReidSources
    expected: Features
    tolerance: float


def export(
    workspace: Workspace,
    values: SearchParams,
    evaluation: EvaluateParams,
    folder: Path,
    *,
    quantise: bool,
    tolerance: float,
) -> Iterator[Exported]:
    """Write ``<model>.onnx`` and, for a model that reads boxes or masks, ``<model>_from_images.onnx``.

    Each is run on all images of the test sets and kept only if it gives the features of the stage `embed`.

    Args:
        workspace: The run, seen from a data set and a model.
        values: Parameters of the stages whose networks are exported.
        evaluation: How features are ranked.
        folder: Where the files go.
        quantise: Write the 8-bit form of each too, as ``<name>_int8.onnx``, and measure it.
        tolerance: Greatest difference of any number of a feature, in units of the features' mean length; 8-bit forms
            may differ by more.

    Yields:
        Each file, once it is written.

    Raises:
        FileNotFoundError: An output of a stage is missing.
        RuntimeError: The optional packages are not installed.
        ValueError: Outputs do not fit each other, or a file's features differ from the pipeline's.
    """
    weights = workspace.existing("reid")
    network, metadata = restore(weights, workspace.model)
    gallery = open_gallery(workspace, network.inputs, metadata["makers"])
    check_networks(workspace, values, metadata["makers"], weights)
    expected, _ = read_features(workspace.existing("features"), gallery.store.digest)
    source = _Source(workspace, values, evaluation, gallery.sources, expected, tolerance)
    facts = {
        "format": FORMAT,
        "model": workspace.model,
        "network": metadata["network"],
        "dataset": workspace.dataset,
        "distance": network.distance,
        "dimensions": list(network.dimensions),
        "mirrored_too": values.embedding.mirrored_too,
        "views": list(VIEWS),
        "part_classes": list(PART_CLASSES),
        "training_table": metadata["table"],
        "makers": metadata["makers"],
        "weights_sha256": file_digest(weights),
    }
    model = ModelGraph(network, values.embedding.mirrored_too)
    yield from _files(source, model, folder / f"{workspace.model}.onnx", facts, quantise)
    if len(model.inputs) > 1:
        whole, others = _whole(model, workspace, values)
        yield from _files(source, whole, folder / f"{workspace.model}{WHOLE}.onnx", facts | others, quantise)


def _whole(model: ModelGraph, workspace: Workspace, values: SearchParams) -> tuple[WholeGraph, dict[str, Any]]:
    """A model with the networks that make what it reads, and what its file adds to say."""
    digests: dict[str, str] = {}

    def weights(name: str) -> Path:
        path = workspace.existing(name)
        digests[f"{name}_sha256"] = file_digest(path)
        return path

    parts = views = foreground = None
    if model.part_count:
        parts = PartGraph(parts_network.restore(weights("detector")), values.detection, model.part_count)
    if model.reads_masks:
        if values.views.within_foreground:
            network = foreground_network.restore(weights("foreground_network"))
            foreground = ForegroundGraph(network, values.foreground)
        views = ViewGraph(views_network.restore(weights("span"), VIEWS), values.views, foreground)
    params = {"detect_parts": asdict(values.detection), "predict_part_masks": asdict(values.views)}
    return WholeGraph(model, parts, views).eval(), {**digests, "params": params}


def _files(
    source: _Source, graph: ModelGraph | WholeGraph, path: Path, facts: dict[str, Any], quantise: bool
) -> Iterator[Exported]:
    """Write one graph, and its 8-bit form where that is wanted."""
    threads = source.values.runtime.threads
    is_model = isinstance(graph, ModelGraph)
    feed = Feed(source.sources.store, {})
    if isinstance(graph, ModelGraph):
        feed = Feed(source.sources.store, source.sources.caches, graph.part_arrays, graph.part_count)
    with atomic(path) as temporary:
        write_onnx(temporary, graph, _example(graph, source.sources), graph.outputs, facts)
        parity = _measured(temporary, feed, source, threads)
        _check(parity, path, source.tolerance, 0 if is_model else DIFFERENT_SHARE)
    yield Exported(path, path.stat().st_size / 1e6, parity, graph, feed)
    if not quantise:
        return
    small = path.with_name(f"{path.stem}_int8.onnx")
    rows = source.sources.store.rows("train")
    chosen = rows[np.linspace(0, len(rows) - 1, min(CALIBRATION, len(rows)), dtype=np.int64)]
    with atomic(small) as temporary:
        inputs = (feed(batch.tolist()) for batch in feed.batches(chosen, 1))
        write_quantised(temporary, path, inputs, facts | {"quantised": f"int8: {', '.join(QUANTISED)}"})
        parity = _measured(temporary, feed, source, threads)
    yield Exported(small, small.stat().st_size / 1e6, parity, graph, feed)


def _measured(path: Path, feed: Feed, source: _Source, threads: int) -> Parity:
    run = run_file(open_session(path, threads), feed, source.expected.rows, BATCH)
    return compare(feed.store, source.expected, run, source.evaluation, source.tolerance)


def _check(parity: Parity, path: Path, tolerance: float, share: float) -> None:
    if parity.beyond > share * parity.images:
        raise ValueError(
            f"{path}: expected features that differ from those of stage `embed` by at most {tolerance:g} for "
            f"{1 - share:.0%} of {parity.images} images, got more for {parity.beyond}, up to {parity.greatest:.1e}; "
            "were those computed with runtime.precision 32-true?"
        )


def _example(graph: ModelGraph | WholeGraph, sources: ReidSources) -> dict[str, Tensor]:
    """Inputs of two images."""
    inputs = {"images": torch.zeros(2, *EXAMPLE_SIZE, 3, dtype=torch.uint8)}
    if isinstance(graph, ModelGraph):
        count = graph.part_count
        parts = {
            "boxes": torch.tensor([0.1, 0.1, 0.6, 0.5]).expand(2, count, 4).contiguous(),
            "labels": torch.zeros(2, count, dtype=torch.uint8),
            "scores": torch.full((2, count), 0.5),
        }
        inputs |= {name: parts[name] for name in graph.part_arrays}
    if "masks" in graph.inputs:
        inputs["masks"] = torch.zeros(2, *sources.caches["part_masks"]["masks"].shape[1:], dtype=torch.uint8)
    return inputs
