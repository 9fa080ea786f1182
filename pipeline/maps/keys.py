"""What decides a result: the digest of what a map reads of a row, and the digest of the map itself."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.store.code import libraries_of, loaded_code
from pipeline.store.files import digest_of

KEY = np.dtype("S32")
"""A digest as bytes."""


def row_keys(image_digests: NDArray[np.str_], others: Sequence[Sequence[Any]] = ()) -> NDArray[np.bytes_]:
    """Digest of all that a map reads of each row.

    Args:
        image_digests: `(R,)` SHA-256 of each image's file, hexadecimal.
        others: What else is read, a column of arrays each. Their content counts and not what made it, so that a row
            stays known when that has changed and its values have not.

    Returns:
        `(R,)` bytes of length 32.
    """
    keys = np.empty(len(image_digests), KEY)
    for row, digest in enumerate(image_digests.tolist()):
        key = bytes.fromhex(digest)
        if others:
            values = b"".join(np.ascontiguousarray(column[row]).tobytes() for column in others)
            key = hashlib.sha256(key + values).digest()
        keys[row] = key
    return keys


def maker_digest(values: Mapping[str, Any], modules: Sequence[str]) -> str:
    """Digest of everything that decides what a map finds in a row, but for the row.

    Args:
        values: Parameters, weights by digest and arithmetic, JSON values only.
        modules: Names of the modules of ``pipeline`` in which the map's code starts; what they import counts too,
            comments and docstrings do not, and packages that calculate count by their versions.
    """
    entries = tuple(sorted(f"{name.replace('.', '/')}.py" for name in set(modules) if name.startswith("pipeline.")))
    return digest_of({"values": values, "code": loaded_code(entries), "libraries": libraries_of(entries)})
