"""The caches whose content a search's page shows: those the model reads, and others that help to judge what was found.

What the model reads was checked before and must be there; the rest is left out where it is missing or does not fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from pipeline.reid.samples import OPENERS, ReidSources
from pipeline.search.fitting import SearchParams, check_networks
from pipeline.store import hdf5
from pipeline.store.origin import current
from pipeline.store.places import Workspace

TITLES = {"parts": "Part boxes", "part_masks": "View masks"}
"""Kind of cache, a key of `OPENERS` -> its name on the page."""


@dataclass(frozen=True)
class Shown:
    """What the page shows of images beside the images themselves.

    Attributes:
        caches: Kind of cache -> the open cache, in the order of `OPENERS`.
        read: Kinds of them the model reads; the others are shown for orientation.
        remarks: Why a kind, or some of it, is not shown, a line each.
    """

    caches: dict[str, hdf5.Cache]
    read: Sequence[str]
    remarks: list[str] = field(default_factory=list)

    def row(self, kind: str, name: str, row: int) -> NDArray[Any] | None:
        """One row of a cache's dataset; None where the kind is not shown, or is damaged there, which a remark says."""
        if kind not in self.caches:
            return None
        try:
            return self.caches[kind].row(name, row)
        except (OSError, ValueError, KeyError) as error:
            self.remark(f"{TITLES[kind]} are not shown of all images: {error}")
            return None

    def remark(self, text: str) -> None:
        """Add a remark, once."""
        if text not in self.remarks:
            self.remarks.append(text)


def open_shown(workspace: Workspace, values: SearchParams, sources: ReidSources) -> Shown:
    """Add to the caches a model reads those that were made by the run's networks and parameters.

    Args:
        workspace: The run.
        values: Its parameters.
        sources: What the model reads of the gallery, already checked.
    """
    caches: dict[str, hdf5.Cache] = {}
    remarks = []
    for kind in OPENERS:
        try:
            read = sources.caches.get(kind)
            caches[kind] = _open_fitting(kind, workspace, values, sources.store.digest) if read is None else read
        except (OSError, ValueError) as error:
            remarks.append(f"{TITLES[kind]} are not shown: {error}")
    return Shown(caches, list(sources.caches), remarks)


def _open_fitting(kind: str, workspace: Workspace, values: SearchParams, table: str) -> hdf5.Cache:
    cache = OPENERS[kind](current(workspace, kind), table)
    check_networks(workspace, values, {kind: cache.header.made_by}, cache.path)
    return cache
