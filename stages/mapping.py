"""The maps of this project under DVC: what they may take from former versions of caches, and where they keep shards.

DVC deletes a stage's outputs before it runs the stage, but keeps them in its cache, and ``dvc.lock`` says which they
were until the stage has ended. Nothing here decides what a stage writes, so no stage depends on this file.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.maps.columns import Columns
from pipeline.maps.finished import Files, files_of, found_elsewhere
from pipeline.maps.job import Job
from pipeline.store.params import read
from pipeline.store.places import PLACES, Workspace
from pipeline.store.runtime import RuntimeParams


def job_of(
    workspace: Workspace,
    names: Mapping[str, str],
    table: str,
    columns: Columns,
    keys: NDArray[np.bytes_],
    maker: str,
    runtime: RuntimeParams,
    unit: int = 1,
) -> Job:
    """A stage's map, which takes what it can from caches of the same kind, wherever they are.

    Args:
        workspace: Seen from the stage's data set and model.
        names: What is found in a row -> the kind of cache that holds it; the first kind names the index.
        table: Digest of the image table.
        columns: What is read of each row.
        keys: Digests of that.
        maker: Digest of everything else that decides the result.
        runtime: Names other workspaces to take from.
        unit: Rows of a batch.
    """
    kinds = list(dict.fromkeys(names.values()))
    files = files_of(workspace, kinds)
    former = [*found_elsewhere(workspace, kinds, runtime.reuse), *former_version(workspace.root, files)]
    inputs = {"maker": maker, "dataset": workspace.dataset, "model": workspace.model}
    scratch = workspace.scratch(PLACES[kinds[0]].stage, inputs)
    return Job(columns, keys, maker, table, scratch, files, names, former, unit)


def former_version(root: Path, files: Files) -> list[Files]:
    """Some outputs as ``dvc.lock`` has them, in DVC's cache; none where one is not there.

    Args:
        root: The workspace's folder.
        files: Where they lie in the workspace.
    """
    lock, cache = root / "dvc.lock", _dvc_cache(root)
    if cache is None or not lock.exists():
        return []
    stages = read(lock).get("stages", {}).values()
    digests = {output["path"]: output.get("md5", "") for stage in stages for output in stage.get("outs", [])}
    found = {}
    for kind, path in files.items():
        digest = digests.get(path.relative_to(root).as_posix(), "")
        found[kind] = cache / digest[:2] / digest[2:]
        if not found[kind].is_file():
            return []
    return [found]


def _dvc_cache(root: Path) -> Path | None:
    """The folder of DVC's cached files, by their MD5; None where DVC has nothing to do with the workspace."""
    if not (root / ".dvc").is_dir():
        return None
    try:
        from dvc.config import Config  # here, because it takes a while that a workspace without DVC need not wait
    except ImportError:
        return None
    folder = Config(str((root / ".dvc").resolve()))["cache"].get("dir") or root / ".dvc" / "cache"
    return Path(folder) / "files" / "md5"
