"""What interrupted stages left in the scratch folder and nobody will go on with."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.store.places import PLACES, SCRATCH

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Leftover:
    """A folder that a stage left.

    Attributes:
        path: The folder, ``.scratch/<stage>/<digest>``.
        size: Bytes of all its files.
        days: Since the last change of any of them.
    """

    path: Path
    size: int
    days: float

    def remove(self) -> None:
        """Delete it."""
        shutil.rmtree(self.path, ignore_errors=True)


def leftovers(root: Path, older_than: float) -> list[Leftover]:
    """Folders of interrupted stages that have not changed for some time, largest first.

    A digest of inputs, code and versions names each, so that one is never visited again once any of these has changed.
    Results of ablations, which lie beside them, are none.

    Args:
        root: The workspace's folder.
        older_than: Days.
    """
    stages = sorted({place.stage for place in PLACES.values()})
    folders = [folder for stage in stages for folder in sorted((root / SCRATCH / stage).glob("*")) if folder.is_dir()]
    found = [_measured(folder) for folder in folders]
    return sorted((one for one in found if one.days >= older_than), key=lambda one: -one.size)


def _measured(folder: Path) -> Leftover:
    status = [path.stat() for path in (folder, *folder.rglob("*")) if path.exists()]
    newest = max((one.st_mtime for one in status), default=0.0)
    files = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Leftover(folder, sum(files), max(0.0, time.time() - newest) / SECONDS_A_DAY)
