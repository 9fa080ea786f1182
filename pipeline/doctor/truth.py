"""The doctor on ground truth: a missing, ill-formed or ill-fitting source, which `prepare` refuses."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.artifacts.truth import label_fault
from pipeline.datasets.adapters import PrepareParams
from pipeline.datasets.annotations.matching import Matching
from pipeline.datasets.annotations.polygons import ViewPolygonsParams, read_polygons
from pipeline.datasets.annotations.rendered import rendered_truth
from pipeline.datasets.records import ImageRecord
from pipeline.doctor.findings import Finding

Sizes = Mapping[str, tuple[int, int]]
"""Path of an image -> its upright (height, width) in pixels, (0, 0) where it cannot be read."""


def find_truth_faults(root: Path, values: PrepareParams, records: Sequence[ImageRecord], sizes: Sizes) -> list[Finding]:
    """Read the ground truth of a data set, if it has any, and hold it against the images.

    Args:
        root: The data set's folder.
        values: Where the ground truth is.
        records: The images that are kept.
        sizes: Their sizes.
    """
    try:
        if values.ground_truth is not None:
            return _misfits(_rendered_misfits(root / values.ground_truth, sizes))
        if values.view_polygons is not None:
            return _polygons(root, values.view_polygons, records, sizes)
    except (ValueError, OSError) as error:
        advice = "Correct what the message names, or set prepare.ground_truth and prepare.view_polygons to null."
        return [Finding("truth", "error", 1, "ground truth that cannot be used", (str(error),), advice)]
    return []


def _misfits(faults: Iterator[str]) -> list[Finding]:
    shown = list(faults)
    advice = "Make the ground truth of these images again, or restore the images it was made for."
    what = "images whose ground truth does not fit them"
    return [Finding("truth", "error", len(shown), what, tuple(shown[:3]), advice)] if shown else []


def _rendered_misfits(path: Path, sizes: Sizes) -> Iterator[str]:
    names = list(sizes)
    for row, encoded in rendered_truth(path, names).labels.items():
        size = sizes[names[row]]
        fault = label_fault(encoded, size) if size != (0, 0) else ""
        if fault:
            yield f"{names[row]}: {fault}"


def _polygons(root: Path, values: ViewPolygonsParams, records: Sequence[ImageRecord], sizes: Sizes) -> list[Finding]:
    annotated, _ = read_polygons(root, values)
    rows = Matching(records).assign(annotated, str(root / values.file), paths_only=values.images is not None)
    if annotated and not rows:
        advice = "They measure nothing: correct their file names, or the folder prepare.view_polygons.images."
        what = "images with polygons, none of which is in the table"
        return [Finding("truth", "warning", len(annotated), what, tuple(list(annotated)[:3]), advice)]
    drawn_on = {records[row].path: annotated[name].size for name, found in rows.items() for row in found}
    return _misfits(
        f"{name}: expected polygons of {sizes[name][1]} x {sizes[name][0]} pixels, got {drawn[1]} x {drawn[0]}"
        for name, drawn in drawn_on.items()
        if sizes[name] not in ((0, 0), drawn)
    )
