"""One sitting of labelling: which image comes next, what is done, what can be undone."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.labelling.label_file import LabelFile
from pipeline.labelling.pictures import Candidate
from pipeline.store.vocabulary import VIEWPOINTS

PRELOADED = 4
"""Images after the shown one that the page fetches ahead."""


@dataclass(frozen=True)
class Progress:
    """How far a sitting is.

    Attributes:
        waiting: Positions of the next images, the shown one first; empty when all are done.
        total: Images to label.
        skipped: Images marked unclear.
        counts: Viewpoint -> images labelled so.
        undoable: Labels of this sitting that can be taken back.
    """

    waiting: list[int]
    total: int
    skipped: int
    counts: dict[str, int]
    undoable: int


class Session:
    """Goes through candidates and writes their labels.

    Args:
        candidates: Images to label.
        labels: Where labels go; images it already holds are not shown again.
        seed: Of the order.
    """

    def __init__(self, candidates: Sequence[Candidate], labels: LabelFile, seed: int) -> None:
        self.candidates = candidates
        self.labels = labels
        self.order = spread(candidates, seed)
        self._positions = {candidate.path: position for position, candidate in enumerate(candidates)}
        self._given: list[str] = []

    def progress(self) -> Progress:
        """How far the sitting is, and what comes next."""
        done = self.labels.viewpoints
        waiting = (position for position in self.order if self.candidates[position].path not in done)
        counts = Counter(viewpoint for path, viewpoint in done.items() if path in self._positions)
        return Progress(
            waiting=list(itertools.islice(waiting, PRELOADED + 1)),
            total=len(self.candidates),
            skipped=counts[None],
            counts={viewpoint: counts[viewpoint] for viewpoint in VIEWPOINTS},
            undoable=len(self._given),
        )

    def label(self, path: str, viewpoint: str | None) -> None:
        """Write the label of one image; None skips it as unclear.

        Raises:
            ValueError: The image or viewpoint is unknown, or the file was edited into something else.
            RuntimeError: Another process is writing the file at this moment.
        """
        if path not in self._positions:
            raise ValueError(f"image: {path!r} is not among the {len(self.candidates)} images to label")
        self.labels.put(path, viewpoint)
        self._given = [given for given in self._given if given != path] + [path]

    def undo(self) -> None:
        """Take back the last label of this sitting, so that its image comes again; nothing where there is none."""
        if self._given:
            self.labels.take_back(self._given[-1])
            self._given.pop()


def spread(candidates: Sequence[Candidate], seed: int) -> list[int]:
    """Order images so that any first few cover many vehicles and cameras; those without a viewpoint come first.

    Rounds take one image of every vehicle, drawn from the camera that showed this vehicle least so far and, among
    equals, all vehicles least. Images of unknown vehicles count as a vehicle each.

    Args:
        candidates: Images to order.
        seed: Of vehicles and images within a camera.

    Returns:
        Every position once.
    """
    waiting: dict[str | int, dict[str, list[int]]] = {}
    for position in np.random.default_rng(seed).permutation(len(candidates)).tolist():
        candidate = candidates[position]
        cameras = waiting.setdefault(candidate.vehicle_id or position, {})
        cameras.setdefault(candidate.camera_id, []).append(position)
    shown: Counter[str] = Counter()
    shown_of: Counter[tuple[str | int, str]] = Counter()
    order: list[int] = []
    while waiting:
        for vehicle, cameras in waiting.items():
            *_, camera = min((shown_of[vehicle, name], shown[name], at, name) for at, name in enumerate(cameras))
            order.append(cameras[camera].pop())
            shown.update([camera])
            shown_of.update([(vehicle, camera)])
            if not cameras[camera]:
                del cameras[camera]
        waiting = {vehicle: cameras for vehicle, cameras in waiting.items() if cameras}
    return sorted(order, key=lambda position: candidates[position].has_viewpoint)
