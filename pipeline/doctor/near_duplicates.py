"""Images tested on that look the same as one trained on, though their files differ: re-encoded or resized copies."""

from collections.abc import Iterator, Mapping, Sequence

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.datasets.packing import Inspected
from pipeline.datasets.records import ImageRecord
from pipeline.doctor.duplicates import is_tested_on, labels_of
from pipeline.doctor.findings import Finding

NEAR_BITS = 15
"""Fingerprints of 256 bits that differ in at most so many are taken for the same picture.

Measured on 250 photographs of vehicles and 250 rendered ones: copies saved as JPEG of quality 30 to 95, scaled by 0.33
to 2, squared to 256 pixels or turned grey differ by at most 14 bits, 99 in 100 of each kind by at most 10. Copies made
a fifth brighter differ by up to 22 (nine in ten by at most 14), those cropped by 2 % a side by 32 in the median and
mirrored ones by 128: most of the former are found, few or none of the latter. Pictures that are no copies differ by
126 on average and by at least 46 in 112,575 pairs of surveillance crops and 1,154,320 of rendered images. Hashes of
64 bits do not tell the two apart: there copies differ by up to 4, and so do crops of two cars by one camera.
"""

_PAIRS_AT_ONCE = 1 << 20


def fingerprint(image: NDArray[np.uint8]) -> bytes:
    """Perceptual hash of an image: the signs of its 16 x 16 lowest frequencies about their median.

    Args:
        image: `(H, W, 3)` uint8, RGB.

    Returns:
        32 bytes, of which similar images differ in few bits.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # three times as fast as Pillow's own
    return np.packbits(imagehash.phash(Image.fromarray(grey), hash_size=16).hash).tobytes()


def find_near_duplicates(records: Sequence[ImageRecord], inspected: Mapping[str, Inspected]) -> list[Finding]:
    """Find images tested on that are near one trained on, but not the same bytes (`find_duplicates` finds those).

    Args:
        records: The table.
        inspected: What each file holds, by path, with its `fingerprint`.
    """
    usable = [record for record in records if inspected[record.path].fingerprint]
    trained = [record for record in usable if record.split == "train"]
    digests = {inspected[record.path].digest for record in trained}
    tested = [r for r in usable if is_tested_on(r) and inspected[r.path].digest not in digests]
    if not trained or not tested:
        return []
    distances, nearest = find_nearest(*(_fingerprints(rows, inspected) for rows in (tested, trained)))
    pairs = [
        (tested[row], trained[nearest[row]])
        for row in np.argsort(distances, kind="stable")
        if distances[row] <= NEAR_BITS
    ]
    shown = [f"{one.path} ({labels_of(one)}) like {other.path} ({labels_of(other)})" for one, other in pairs[:3]]
    what = "images tested on that look the same as one trained on, though their files differ"
    advice = (
        "Look at them: a test tells nothing by an image known from training, so take re-encoded or resized copies out "
        "of one of the two; another photograph of the same scene, or of a like vehicle, may stay."
    )
    return [Finding("duplicates", "note", len(pairs), what, tuple(shown), advice)] if pairs else []


def find_nearest(tested: NDArray[np.uint8], trained: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the nearest training fingerprint of each one tested on, where it is within `NEAR_BITS`.

    Of 16 words of 16 bits, two fingerprints that differ in at most 15 bits share one; so only such pairs are compared.

    Args:
        tested: `(T, 32)`, T at least 1.
        trained: `(R, 32)`, R at least 1.

    Returns:
        Distances `(T,)`, in bits, `NEAR_BITS` + 1 where none is near, and rows of `trained` `(T,)`, the first of the
        nearest, 0 where none is near.
    """
    asked, back = np.unique(tested, axis=0, return_inverse=True)  # many equal ones would be compared with each other
    known, first = np.unique(trained, axis=0, return_index=True)
    best = np.full(len(asked), (NEAR_BITS + 1) * len(trained), np.int64)  # distance and row in one number
    for word in range(16):
        keys = asked.view(np.uint16)[:, word], known.view(np.uint16)[:, word]
        for rows, columns in _equal_pairs(*keys):
            differing = asked.view(np.uint64)[rows] ^ known.view(np.uint64)[columns]
            distances = np.bitwise_count(differing).sum(axis=1, dtype=np.int64)
            np.minimum.at(best, rows, distances * len(trained) + first[columns])
    best = np.minimum(best, (NEAR_BITS + 1) * len(trained))
    distances, nearest = np.divmod(best[back], len(trained))
    return distances, nearest


def _equal_pairs(
    left: NDArray[np.uint16], right: NDArray[np.uint16]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All pairs of rows of equal words, about `_PAIRS_AT_ONCE` at a time: rows of `left` and of `right`."""
    order = np.argsort(right, kind="stable")
    begin, end = (np.searchsorted(right[order], left, side) for side in ("left", "right"))
    ends = np.cumsum(end - begin)
    for rows in np.split(
        np.arange(len(left)), np.searchsorted(ends, np.arange(_PAIRS_AT_ONCE, ends[-1], _PAIRS_AT_ONCE))
    ):
        counts = (end - begin)[rows]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield np.repeat(rows, counts), order[np.repeat(begin[rows], counts) + within]


def _fingerprints(records: Sequence[ImageRecord], inspected: Mapping[str, Inspected]) -> NDArray[np.uint8]:
    joined = b"".join(inspected[record.path].fingerprint for record in records)
    return np.frombuffer(joined, np.uint8).reshape(len(records), -1)
