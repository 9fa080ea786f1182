"""What the report shows, as digests of its files that are small enough for Git.

DVC lets no stage depend on all that a list of data sets and models names, but on folders. Those of caches are missing
in a fresh clone, and hold more than is listed. So a stage a data set, and one a model, writes down digests of what the
report reads of it; the report depends on their folder, which Git brings whole, and fetches caches it lacks by name.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.store.files import file_digest, read_json
from pipeline.store.places import Workspace

ARTIFACTS = (
    *("images", "truth", "grabcut", "foreground", "parts", "part_masks"),
    *("quality", "part_classes", "foreground_history"),
)
"""Outputs shown of a data set, keys of `PLACES`."""
EVALUATION = ("metrics", "curve", "ranking", "tables", "attention", "reid_history")
"""Outputs shown of a model on a data set."""
ACROSS = ("metrics_across",)
"""Outputs shown of a model on a data set that it was not trained on."""


def digests_of(workspace: Workspace, names: Sequence[str]) -> dict[str, str]:
    """Digests of some outputs.

    Args:
        workspace: Names data set and model.
        names: Keys of `PLACES`.

    Returns:
        Path below the workspace's root -> SHA-256, of a folder over all its files.

    Raises:
        FileNotFoundError: An output does not exist.
    """
    paths = [workspace.existing(name) for name in names]
    return {path.relative_to(workspace.root).as_posix(): _digest(path) for path in paths}


def _digest(path: Path) -> str:
    if path.is_file():
        return file_digest(path)
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    lines = [f"{file_digest(file)} {file.relative_to(path).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def missing(
    root: Path, datasets: Sequence[str], models: Sequence[str], across: Mapping[str, Sequence[str]]
) -> list[str]:
    """Files and folders that the report shows and that are not there, by what the digests list.

    Args:
        root: The workspace's folder.
        datasets: Data sets of this run.
        models: Models of this run.
        across: What is evaluated across data sets: ``trained_on`` and ``tested_on``.

    Returns:
        Paths below `root`, sorted.
    """
    lists = [path for path in _lists(root, datasets, models, across) if path.exists()]
    return sorted({name for path in lists for name in read_json(path) if not (root / name).exists()})


def _lists(
    root: Path, datasets: Sequence[str], models: Sequence[str], across: Mapping[str, Sequence[str]]
) -> Iterator[Path]:
    for dataset in datasets:
        yield Workspace(root, dataset).path("artifact_digests")
        for model in models:
            yield Workspace(root, dataset, model).path("evaluation_digests")
    for dataset in across["tested_on"]:
        for trained_on in across["trained_on"]:
            for model in models:
                yield Workspace(root, dataset, model, trained_on=trained_on).path("across_digests")
