"""Images as every stage sees them: the checked image store and its file `data/images/<dataset>.h5`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5
from pipeline.store.boxes import PartBoxes
from pipeline.store.decoding import BadImageError, decode

SCHEMA = "images/2"


class Images(Protocol):
    """Images by number, which need not be in a table: what a network that looks at pixels alone is given."""

    def __len__(self) -> int:
        """Number of images."""

    def image(self, row: int, /) -> NDArray[np.uint8]:
        """One image: `(H, W, 3)` uint8, RGB, upright."""


@dataclass(frozen=True)
class EncodedImages:
    """Images by the bytes of their files, which need not be read yet.

    Attributes:
        files: Each image's file, as `ImageStore.encoded` gives it.
    """

    files: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.files)

    def image(self, row: int, /) -> NDArray[np.uint8]:
        """Decode one image: `(H, W, 3)` uint8, RGB, upright."""
        return decode(self.files[row])


class ImageStore:
    """The images and the table of one data set, read from `data/images/<dataset>.h5`.

    Columns are arrays over rows; the file is opened lazily in each process, so a store can be sent to workers.

    Args:
        path: The file `prepare` wrote.

    Attributes:
        digest: Digest of the table; caches made from these images carry it.
        paths: `(N,)` str, relative paths.
        splits: `(N,)` str.
        vehicle_ids: `(N,)` str, "" where unknown.
        camera_ids: `(N,)` str, "" where unknown.
        viewpoints: `(N,)` int8, index into `VIEWPOINTS`, -1 where unlabelled.
        sizes: `(N, 2)` int32, upright height and width in pixels.
        annotated: `(N,)` bool, whether part boxes were annotated.
        image_digests: `(N,)` str, SHA-256 of each file's bytes.
        groups: Column name -> `(N,)` str.
        roles: Test set -> `(N,)` str, one of `pipeline.store.vocabulary.ROLES`, "" for images that are not in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cache = hdf5.Cache(path, SCHEMA)
        self.digest = self._cache.header.table
        self.paths = self._cache.text("path")
        self.splits = self._cache.text("split")
        self.vehicle_ids = self._cache.text("vehicle_id")
        self.camera_ids = self._cache.text("camera_id")
        self.viewpoints: NDArray[np.int8] = self._cache["viewpoint"][()]
        self.sizes: NDArray[np.int32] = self._cache["size"][()]
        self.annotated: NDArray[np.bool_] = self._cache["parts_annotated"][()]
        self.image_digests = self._cache.text("image_digest")
        self._offsets: NDArray[np.int64] = self._cache["encoded_offsets"][()]
        self.groups = {name: self._cache.text(f"group_{name}") for name in self._cache.header.notes["groups"]}
        self.roles = {name: self._cache.text(f"role_{name}") for name in self._cache.header.notes["test_sets"]}

    def __len__(self) -> int:
        return len(self.paths)

    def rows(self, *splits: str) -> NDArray[np.int64]:
        """Rows whose split is among `splits`, in table order."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def test_rows(self) -> NDArray[np.int64]:
        """Rows that are in a test set, in table order: the images whose features are evaluated."""
        return np.flatnonzero(np.any([roles != "" for roles in self.roles.values()] or np.zeros((1, len(self))), 0))

    def encoded(self, row: int) -> bytes:
        """The file's bytes as they came."""
        return bytes(self._cache["encoded"][self._offsets[row] : self._offsets[row + 1]].tobytes())

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """`(path, reason)` of every image `prepare` left out."""
        columns = self._cache.text("left_out_path"), self._cache.text("left_out_reason")
        return [(str(name), str(reason)) for name, reason in zip(*columns, strict=True)]

    @property
    def remarks(self) -> list[str]:
        """What the data set's adapter noticed, one sentence each."""
        return list(self._cache.header.notes["remarks"])

    def image(self, row: int) -> NDArray[np.uint8]:
        """Decode one image: `(H, W, 3)` uint8, RGB, upright.

        Raises:
            BadImageError: The bytes cannot be decoded; the message names file, row and path.
        """
        try:
            return decode(self.encoded(row))
        except BadImageError as error:
            raise BadImageError(f"{self.path}: row {row}, {self.paths[row]}: {error}") from error

    @cached_property
    def _parts(self) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.int64]]:
        return self._cache["part_boxes"][()], self._cache["part_labels"][()], self._cache["part_offsets"][()]

    def parts(self, row: int) -> PartBoxes | None:
        """Annotated parts of one image, None where it was not annotated."""
        if not self.annotated[row]:
            return None
        boxes, labels, offsets = self._parts
        span = slice(offsets[row], offsets[row + 1])
        return PartBoxes(boxes[span], labels[span])
