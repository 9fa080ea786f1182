"""Ground truth a renderer wrote beside its images."""

from collections.abc import Sequence
from pathlib import Path

import h5py

from pipeline.artifacts.truth import Truth
from pipeline.store import hdf5


def rendered_truth(path: Path, names: Sequence[str]) -> Truth:
    """Align the ground truth a renderer wrote to the image table, by path.

    Args:
        path: HDF5 with `path` (bytes, relative), `azimuth` (degrees), `labels` (concatenated PNG label maps) and
            `labels_offsets`.
        names: The table's paths.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no HDF5 file, lacks a dataset, values of one, or an image of the table.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file (prepare.ground_truth)")
    try:
        file = hdf5.opened(path)
    except BlockingIOError:
        raise
    except OSError as error:
        raise ValueError(f"{path}: not an HDF5 file ({error})") from error
    with file:
        places = _places(file, path)
        lacking = [name for name in names if name not in places]
        if lacking:
            raise ValueError(f"{path}: no ground truth of {len(lacking)} images of the table, for example {lacking[0]}")
        order = [places[name] for name in names]
        offsets, labels = file["labels_offsets"][()], file["labels"]
        maps = {row: labels[offsets[at] : offsets[at + 1]].tobytes() for row, at in enumerate(order)}
        return Truth(maps, file["azimuth"][()][order], complete=True)


def _places(file: h5py.File, path: Path) -> dict[str, int]:
    """Path of an image -> its place in a renderer's file."""
    absent = [name for name in ("path", "azimuth", "labels", "labels_offsets") if name not in file]
    if absent:
        raise ValueError(f"{path}: dataset {absent[0]!r} is missing; it has {', '.join(sorted(file))}")
    count, found = len(file["path"]), (len(file["azimuth"]), len(file["labels_offsets"]))
    if found != (count, count + 1):
        raise ValueError(
            f"{path}: expected {count} azimuths and {count + 1} labels_offsets, got {found[0]} and {found[1]}"
        )
    return {name.decode(): place for place, name in enumerate(file["path"][()])}
