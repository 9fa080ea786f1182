"""Which images the report shows: chosen by rule, so that two runs show the same and nobody picked the good ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import VIEWPOINTS


def shown_rows(store: ImageStore) -> NDArray[np.int64]:
    """Rows the report may show: everything but `train`, each image once (queries stand in some galleries too).

    A data set that consists of training images alone shows those.
    """
    rows = np.flatnonzero(store.splits != "train")
    rows = rows if len(rows) else np.arange(len(store))
    return rows[first_occurrences(store.image_digests[rows])]


def first_occurrences(values: NDArray[np.str_]) -> NDArray[np.int64]:
    """Positions `(M,)`, rising, at which each distinct value of `(N,)` stands for the first time."""
    return np.sort(np.unique(values, return_index=True)[1])


def viewpoint_name(store: ImageStore, row: int) -> str:
    """Viewpoint of one row, "" where unlabelled."""
    return [*VIEWPOINTS, ""][int(store.viewpoints[row])]


def viewpoint_names(store: ImageStore) -> NDArray[np.str_]:
    """Viewpoint of every row, `(N,)` str, "" where unlabelled."""
    return np.array([*VIEWPOINTS, ""])[store.viewpoints]


def attributes(store: ImageStore) -> list[NDArray[np.str_]]:
    """Columns the shown images should vary in, most important first."""
    groups = [store.groups[name] for name in sorted(store.groups, key=lambda name: (name != "type", name))]
    return [viewpoint_names(store), *groups, store.camera_ids, store.splits, store.vehicle_ids]


def varied_rows(columns: Sequence[NDArray[np.str_]], candidates: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Choose rows one by one, each having the least seen values so far; earlier columns decide first.

    Args:
        columns: `(N,)` str each, most important first.
        candidates: `(M,)` rows to choose from; the first wins a tie.
        count: Rows wanted; fewer come back when there are fewer candidates.

    Returns:
        `(min(count, M),)` int64, ordered by the values of the columns, then by row.
    """
    codes = [np.unique(column[candidates], return_inverse=True)[1] for column in columns]
    seen = [np.zeros(code.max(initial=0) + 1, np.int64) for code in codes]
    free = np.ones(len(candidates), bool)
    for _ in range(min(count, len(candidates))):
        left = np.flatnonzero(free)
        for counts, code in zip(seen, codes, strict=True):
            uses = counts[code[left]]
            left = left[uses == uses.min()]
        best = int(left[0])
        free[best] = False
        for counts, code in zip(seen, codes, strict=True):
            counts[code[best]] += 1
    chosen = np.flatnonzero(~free)
    order = np.lexsort([candidates[chosen], *(code[chosen] for code in reversed(codes))])
    return np.asarray(candidates[chosen][order], np.int64)


def quantile_positions(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Choose positions whose values spread evenly from the greatest to the least.

    Args:
        values: `(M,)`, as the average precision of each query; NaN is never chosen.
        count: Positions wanted.

    Returns:
        At most `count` positions, by falling value; ties keep their order.
    """
    order = np.argsort(-values, kind="stable")[: int(np.isfinite(values).sum())]
    if not len(order):
        return np.zeros(0, np.int64)
    steps = np.linspace(0, len(order) - 1, min(count, len(order)))
    return np.asarray(order[np.rint(steps).astype(np.int64)], np.int64)
