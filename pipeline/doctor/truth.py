"""The doctor on ground truth: a missing, ill-formed or ill-fitting source, which `prepare` refuses."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.artifacts.truth import label_fault
from pipeline.datasets.adapters import PrepareParams
from pipeline.datasets.annotations.images import image_key
from pipeline.datasets.annotations.polygons import ViewPolygonsParams, read_polygons
from pipeline.datasets.annotations.rendered import rendered_truth
from pipeline.doctor.findings import Finding

Sizes = Mapping[str, tuple[int, int]]
"""Path of an image -> its upright (height, width) in pixels, (0, 0) where it cannot be read."""


def find_truth_faults(root: Path, values: PrepareParams, sizes: Sizes) -> list[Finding]:
    """Read the ground truth of a data set, if it has any, and hold it against the images.

    Args:
        root: The data set's folder.
        values: Where the ground truth is.
        sizes: The images that are kept.
    """
    try:
        if values.ground_truth is not None:
            return _misfits(_rendered_misfits(root / values.ground_truth, sizes))
        if values.view_polygons is not None:
            return _polygons(root, values.view_polygons, sizes)
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


def _polygons(root: Path, values: ViewPolygonsParams, sizes: Sizes) -> list[Finding]:
    annotated, _ = read_polygons(root, values)
    keys = {name: image_key(name, values.images) for name in sizes}
    if annotated and annotated.keys().isdisjoint(keys.values()):
        advice = "They measure nothing: correct their file names, or the folder prepare.view_polygons.images."
        what = "images with polygons, none of which is in the table"
        return [Finding("truth", "warning", len(annotated), what, tuple(list(annotated)[:3]), advice)]
    return _misfits(
        f"{name}: expected polygons of {sizes[name][1]} x {sizes[name][0]} pixels, got {drawn[1]} x {drawn[0]}"
        for name, key in keys.items()
        if key in annotated and sizes[name] not in ((0, 0), drawn := annotated[key].size)
    )
