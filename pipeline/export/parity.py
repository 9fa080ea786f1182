"""Whether an exported file does what the pipeline does: its features against those of the stage `embed`."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.retrieval.evaluation import EvaluateParams, Evaluation, evaluate_table
from pipeline.store.hdf5 import Cache
from pipeline.store.images import ImageStore


@dataclass(frozen=True)
class Feed:
    """Gives an exported file what it reads of a data set.

    Attributes:
        store: The images.
        caches: Kind of cache the file reads -> the open cache; of the whole pipeline in one file, none.
        part_arrays: What the file reads of part boxes, as `Detections` names it.
        part_count: Boxes read of each image.
    """

    store: ImageStore
    caches: Mapping[str, Cache]
    part_arrays: Sequence[str] = ()
    part_count: int = 0

    def __call__(self, rows: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Inputs of some rows, whose images are of one size."""
        inputs: dict[str, NDArray[Any]] = {"images": np.stack([self.store.image(row) for row in rows])}
        for name in self.part_arrays:
            inputs[name] = np.stack([self.caches["parts"][name][row][: self.part_count] for row in rows])
        if "part_masks" in self.caches:
            inputs["masks"] = np.stack([self.caches["part_masks"]["masks"][row] for row in rows])
        return inputs

    def batches(self, rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
        """The same rows in batches of images of one size, of which there may be few."""
        shapes, codes = np.unique(self.store.sizes[rows], axis=0, return_inverse=True)
        for code in range(len(shapes)):
            alike = rows[codes.reshape(-1) == code]
            yield from np.split(alike, range(size, len(alike), size))


@dataclass(frozen=True)
class Run:
    """What an exported file makes of a data set's test images.

    Attributes:
        features: `(M, C)` float32.
        area_ratios: `(M, 4)` float32; `(M, 0)` where the file gives none.
        milliseconds: An image, decoding left out.
    """

    features: NDArray[np.float32]
    area_ratios: NDArray[np.float32]
    milliseconds: float


def run_file(session: Any, feed: Feed, rows: NDArray[np.int64], batch_size: int) -> Run:
    """Run a file on some rows.

    Args:
        session: From `pipeline.export.onnx_file.open_session`.
        feed: Gives the inputs.
        rows: Rows of the table, rising.
        batch_size: Images a run at most.
    """
    found: list[NDArray[np.float32] | None] = [None] * len(rows)
    ratios: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(rows)
    seconds = 0.0
    for batch in feed.batches(rows, batch_size):
        inputs = feed(batch.tolist())
        began = time.perf_counter()
        outputs = session.run(None, inputs)
        seconds += time.perf_counter() - began
        for number, place in enumerate(np.searchsorted(rows, batch)):
            found[place] = outputs[0][number]
            if len(outputs) > 1:
                ratios[place] = outputs[1][number]
    return Run(np.stack([row for row in found if row is not None]), np.stack(ratios), 1000 * seconds / len(rows))


@dataclass(frozen=True)
class Parity:
    """How far a file's features are from the pipeline's.

    Attributes:
        images: Compared.
        greatest: Difference of any number of a feature, in units of the features' mean length.
        beyond: Images of which some number differs by more than the tolerance.
        ratios: Greatest difference of an area ratio; 0 where there are none.
        queries: Of the leading test set.
        same_order: Queries whose nearest gallery images, as many as `depth`, are the same in the same order.
        depth: Gallery images compared of each query.
        mean_ap: Mean average precision of the file's features; None where identities are withheld.
        expected_ap: That of the pipeline's.
        milliseconds: The file takes an image.
    """

    images: int
    greatest: float
    beyond: int
    ratios: float
    queries: int
    same_order: int
    depth: int
    mean_ap: float | None
    expected_ap: float | None
    milliseconds: float

    def __str__(self) -> str:
        """One line of figures."""
        found, expected = (
            "withheld" if value is None else f"{value:.4f}" for value in (self.mean_ap, self.expected_ap)
        )
        return (
            f"greatest difference {self.greatest:.1e} over {self.images:,} images; nearest {self.depth} of "
            f"{self.same_order:,} of {self.queries:,} queries in the same order; mAP {found} (torch {expected}); "
            f"{self.milliseconds:.1f} ms an image"
        )


def compare(store: ImageStore, expected: Features, run: Run, params: EvaluateParams, tolerance: float) -> Parity:
    """Compare a file's features, area ratios and rankings with the pipeline's.

    Args:
        store: The table.
        expected: Features of all images of the test sets, by `embed`.
        run: The same by the file.
        params: How they are evaluated; intervals and groups are left out.
        tolerance: Above it an image counts as different, in units of the features' mean length.
    """
    length = float(np.linalg.norm(expected.features, axis=1).mean())
    differences = np.abs(run.features - expected.features).max(1) / length
    plain = replace(params, bootstrap=replace(params.bootstrap, samples=0), group_by=None, alike=None)
    theirs = _evaluated(store, expected, plain)
    ratios = run.area_ratios if expected.area_ratios.size else expected.area_ratios
    ours = _evaluated(store, replace(expected, features=run.features, area_ratios=ratios), plain)
    nearest = theirs.leading.ranks.nearest
    same = (nearest == ours.leading.ranks.nearest).all(1)
    return Parity(
        images=len(differences),
        greatest=float(differences.max()),
        beyond=int((differences > tolerance).sum()),
        ratios=float(np.abs(ratios - expected.area_ratios).max(initial=0)),
        queries=len(same),
        same_order=int(same.sum()),
        depth=int((nearest >= 0).sum(1).max(initial=0)),
        mean_ap=ours.metrics["mAP"],
        expected_ap=theirs.metrics["mAP"],
        milliseconds=run.milliseconds,
    )


def _evaluated(store: ImageStore, features: Features, params: EvaluateParams) -> Evaluation:
    return evaluate_table(store, features, params, torch.device("cpu"))
