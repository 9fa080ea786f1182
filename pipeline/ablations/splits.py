"""What models are trained on and measured on: the data set's own test split, or vehicles held out of its training."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.networks.runtime import generator_of
from pipeline.reid.training import training_rows
from pipeline.retrieval.problems import TestSet
from pipeline.retrieval.protocols import drawn_gallery, protocol_of
from pipeline.store.images import ImageStore


class Split(NamedTuple):
    """Rows of the image table to train on and to embed.

    Attributes:
        trained: Rows to train on.
        embedded: Rows to embed.
        held_out: The test set that the latter make, where they are vehicles held out of the training; None for the
            test sets of the table.
    """

    trained: NDArray[np.int64]
    embedded: NDArray[np.int64]
    held_out: TestSet | None


def split_of(store: ImageStore, share: float, protocol: str) -> Split:
    """Choose rows, without a look at the test split where vehicles are held out.

    The same vehicles are held out whatever the seed of a training. The first image of each of them in each camera is
    a query, the others are the gallery; where the protocol draws its gallery, it draws here too.

    Args:
        store: The images.
        share: Share of the training vehicles to hold out, in [0, 1); 0 measures on the test split.
        protocol: `evaluate.protocol`.

    Raises:
        ValueError: There are no images to train on, `share` leaves no vehicle on one side, or is out of range.
    """
    rows = training_rows(store)
    if not share:
        return Split(rows, store.test_rows(), None)
    vehicles = np.unique(store.vehicle_ids[rows])
    count = round(share * len(vehicles))
    if not 0 < count < len(vehicles):
        raise ValueError(f"{store.path}: holding out {share} of {len(vehicles)} training vehicles leaves a side empty")
    away = np.isin(store.vehicle_ids[rows], generator_of(0).permutation(vehicles)[:count])
    tested = rows[away]
    return Split(rows[~away], tested, _test_set(store, tested, protocol))


def _test_set(store: ImageStore, rows: NDArray[np.int64], protocol: str) -> TestSet:
    vehicles, cameras = store.vehicle_ids[rows], store.camera_ids[rows]
    drawn = protocol_of(protocol).rule is drawn_gallery
    roles = np.full(len(rows), "drawn" if drawn else "gallery")
    if not drawn:
        seen_by = np.char.add(np.char.add(vehicles, " "), cameras)
        roles[np.unique(seen_by, return_index=True)[1]] = "query"
    return TestSet("held out", np.arange(len(rows)), roles, vehicles, cameras)
