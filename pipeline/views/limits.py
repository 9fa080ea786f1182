"""What SPAN's masks may cover, by rule and exception: the greatest areas a of SPAN (2) and margins m of SPAN (3)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat

from pipeline.store.params import Share, parameters
from pipeline.views.labels import ImageLabels

JOIN = "-"
"""Joins labels into the name of their set, as ``front-side``; no label has one in its own name."""


@parameters
class MaxAreaParams:
    """a of SPAN (2), relative to the foreground's area; always 0 for a label that the image does not carry."""

    alone: Share
    """Of an image's only label."""
    several: Share
    """Of each label of an image that carries several."""
    exceptions: dict[str, dict[str, Share]]
    """Labels of an image, joined by ``-``, and a of each in place of these: ``front-side: {front: 0.7, side: 0.4}``
    (release)."""

    def table(self, labels: ImageLabels) -> NDArray[np.float32]:
        """The areas a of every set of labels, `(S, K)`, in [0, 1]."""
        sets = labels.sets
        table = sets * np.where(sets.sum(1, keepdims=True) > 1, self.several, self.alone)
        for areas in self.exceptions.values():
            row = np.array([areas.get(name, 0.0) for name in labels.names])
            table[(sets == np.isin(labels.names, list(areas))).all(1)] = row
        return table.astype(np.float32)

    def check(self, names: Sequence[str]) -> None:
        """Refuse exceptions that are not about some of these labels.

        Raises:
            ValueError: The message names the key.
        """
        for joined, areas in self.exceptions.items():
            members = _members(joined, names, "max_area.exceptions")
            if set(areas) != set(members):
                raise ValueError(
                    f"max_area.exceptions.{joined}: expected a of {', '.join(members)}, got a of {', '.join(areas)}"
                )


@parameters
class MarginParams:
    """m of SPAN (3): the overlap that two masks may have, as a mean over pixels of their product."""

    together: NonNegativeFloat
    """Of two labels that an image may carry together."""
    apart: NonNegativeFloat
    """Of two labels that no image carries together."""
    exceptions: dict[str, NonNegativeFloat]
    """Two labels, joined by ``-``, and their m in place of these: ``rear-side: 0.05``."""
    over: Literal["image", "batch"] = Field(default="image", kw_only=True)
    """What the overlap is a mean over before m is taken off it: an ``image``, as SPAN (3) is printed, or the whole
    ``batch`` (release), where images without either view let others overlap further."""

    def matrix(self, labels: ImageLabels) -> NDArray[np.float32]:
        """The margin m of every pair of labels, `(K, K)`, symmetric; what its diagonal holds is never read."""
        sets = labels.sets.astype(np.int64)
        matrix = np.where(sets.T @ sets > 0, self.together, self.apart)
        for joined, margin in self.exceptions.items():
            first, second = (labels.names.index(name) for name in joined.split(JOIN))
            matrix[first, second] = matrix[second, first] = margin
        return matrix.astype(np.float32)

    def check(self, names: Sequence[str]) -> None:
        """Refuse exceptions that are not about two of these labels.

        Raises:
            ValueError: The message names the key.
        """
        for joined in self.exceptions:
            if len(_members(joined, names, "margins.exceptions")) != 2:
                raise ValueError(f"margins.exceptions: expected two labels joined by {JOIN}, got {joined!r}")


def check_labels(names: Sequence[str]) -> None:
    """Refuse labels that cannot be told apart, or whose sets could not be named.

    Raises:
        ValueError: There are none, or one is empty, repeated or has a `JOIN` in its name.
    """
    if not names or len(set(names)) != len(names) or any(not name or JOIN in name for name in names):
        raise ValueError(f"labels: expected one or more, all different and without {JOIN!r}, got {list(names)}")


def _members(joined: str, names: Sequence[str], where: str) -> list[str]:
    """The labels of which a set's name is made."""
    members = joined.split(JOIN)
    if len(set(members)) != len(members) or not set(members) <= set(names):
        raise ValueError(f"{where}: expected labels among {', '.join(names)}, joined by {JOIN}, got {joined!r}")
    return members
