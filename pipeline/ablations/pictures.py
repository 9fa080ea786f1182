"""The same images under the part masks of every row that made its own, as in SPAN figure 6."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.ablations.experiment import Experiment
from pipeline.artifacts.truth import open_truth, read_view_labels
from pipeline.artifacts.views import open_views
from pipeline.quality.artifacts import distinct
from pipeline.report.figures import thumbnail, tint_labels
from pipeline.report.pictures import Captioned, Tint, picture, view_tints, views_picture
from pipeline.report.selection import attributes, varied_rows, viewpoint_name
from pipeline.report.sources import ReportParams
from pipeline.store import hdf5


@dataclass(frozen=True)
class MaskRow:
    """One image under several masks.

    Attributes:
        title: Its viewpoint.
        cells: The photograph, its masks by each setting, and its true views where any image has them.
    """

    title: str
    cells: Sequence[Captioned]


@dataclass(frozen=True)
class MaskSheet:
    """Images in rows, part masks by each setting in columns.

    Attributes:
        tints: Legend of the masks.
        side: Longer side of a picture, pixels.
        heads: One a column.
        rows: One an image.
        seed: Of the SPANs whose masks are shown.
    """

    tints: Sequence[Tint]
    side: int
    heads: Sequence[str]
    rows: Sequence[MaskRow]
    seed: int


def mask_sheet(experiment: Experiment, masks: Mapping[str, Sequence[Path]]) -> MaskSheet | None:
    """Draw one image of each viewpoint, chosen by rule among those that models are measured on.

    Args:
        experiment: Says which these are.
        masks: Label of a row -> files of its part masks, by seed; those of the first seed are shown.

    Returns:
        The sheet; None where no row has part masks of its own or no image a viewpoint.
    """
    store, report = experiment.store, experiment.workspace.load("report", ReportParams)
    labelled = experiment.split.embedded[store.viewpoints[experiment.split.embedded] >= 0]
    viewpoints = np.unique(store.viewpoints[labelled])
    chosen = varied_rows(attributes(store), distinct(store, labelled), len(viewpoints))
    chosen = chosen[np.argsort(store.viewpoints[chosen], kind="stable")]
    if not masks or not len(chosen):
        return None
    caches = {label: open_views(paths[0], store.digest) for label, paths in masks.items()}
    truth = open_truth(experiment.workspace.existing("truth"), store.digest)
    known = any(read_view_labels(truth, int(row)) is not None for row in chosen)
    rows = []
    for row in chosen.tolist():
        image = thumbnail(store.image(row), report.sheet_side)
        cells = [Captioned(picture(image, viewpoint_name(store, row), report.quality))]
        cells += [
            views_picture(image, cache["masks"][row], cache["area_ratios"][row], report.quality)
            for cache in caches.values()
        ]
        cells += [_true_views(image, truth, row, report.quality)] if known else []
        rows.append(MaskRow(viewpoint_name(store, row), cells))
    heads = ["photograph", *caches, *(["true views"] if known else [])]
    tints = view_tints("vehicle surface of no single view (truth only)" if known else "")
    return MaskSheet(tints, report.sheet_side, heads, rows, experiment.runtime.seed)


def _true_views(image: NDArray[np.uint8], truth: hdf5.Cache, row: int, quality: int) -> Captioned:
    labels = read_view_labels(truth, row)
    if labels is None:
        return Captioned(None, "not annotated")
    return Captioned(picture(tint_labels(image, labels), "true views", quality))
