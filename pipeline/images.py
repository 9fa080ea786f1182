"""Images as every stage sees them: decoding, the checked image store, and its file `data/images/<dataset>.h5`."""

import hashlib
import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline import hdf5
from pipeline.records import ImageRecord, PartBoxes, check_records, project_path, table_digest
from pipeline.vocabulary import VIEWPOINTS

SCHEMA = "images/1"


@dataclass(frozen=True)
class ImageLimits:
    """What `prepare` accepts of an image.

    Attributes:
        max_pixels: Images with more pixels are refused before they are decoded.
        min_side: Images with a shorter side, pixels, are refused.
        on_bad_image: Whether a refused image stops the stage or is listed and left out.
    """

    max_pixels: int
    min_side: int
    on_bad_image: Literal["stop", "skip"]


class BadImageError(ValueError):
    """An image that cannot be used; the message says why."""


def decode(encoded: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Decode any image OpenCV reads to upright RGB.

    EXIF orientation is applied, grey is repeated over three channels, 16-bit is scaled to 8-bit and
    transparency is laid over white.

    Args:
        encoded: The file's bytes.

    Returns:
        `(H, W, 3)` uint8, RGB.

    Raises:
        BadImageError: OpenCV cannot decode the bytes.
    """
    buffer = np.frombuffer(encoded, np.uint8)
    image = cv2.imdecode(buffer, cv2.IMREAD_COLOR) if buffer.size else None
    if image is None:
        raise BadImageError("not an image OpenCV can decode (damaged or of an unknown format)")
    if _may_have_alpha(buffer):
        raw = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
        if raw is not None and raw.ndim == 3 and raw.shape[2] == 4 and raw.shape[:2] == image.shape[:2]:
            opaque = 255.0 if raw.dtype == np.uint8 else 65535.0
            alpha = raw[..., 3:].astype(np.float32) / opaque
            image = np.rint(image * alpha + 255.0 * (1.0 - alpha)).astype(np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _may_have_alpha(buffer: NDArray[np.uint8]) -> bool:
    start = buffer[:12].tobytes()
    return start.startswith((b"\x89PNG", b"II*\0", b"MM\0*")) or start[8:12] == b"WEBP"


def check_image(encoded: bytes, limits: ImageLimits) -> tuple[int, int]:
    """Decode one file fully and return its upright `(height, width)` in pixels.

    Raises:
        BadImageError: Empty, damaged, too large or too small.
    """
    if not encoded:
        raise BadImageError("the file is empty")
    announced = _announced_pixels(encoded)
    if announced is not None and announced > limits.max_pixels:
        raise BadImageError(f"{announced} pixels; at most {limits.max_pixels} are accepted (prepare.max_pixels)")
    image = decode(encoded)
    height, width = image.shape[:2]
    if height * width > limits.max_pixels:
        raise BadImageError(f"{height * width} pixels; at most {limits.max_pixels} are accepted (prepare.max_pixels)")
    if min(height, width) < limits.min_side:
        raise BadImageError(f"{width} x {height} pixels; each side needs {limits.min_side} (prepare.min_side)")
    if announced is not None and _is_cut_short(encoded):
        raise BadImageError("the file is cut short")
    return height, width


def _announced_pixels(encoded: bytes) -> int | None:
    """Pixels by the file's own header, without decoding; None for formats Pillow does not know."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(encoded)) as image:
                return image.width * image.height
    except Image.DecompressionBombError:
        return 1 << 62
    except (OSError, ValueError, SyntaxError):
        return None


def _is_cut_short(encoded: bytes) -> bool:
    """Whether Pillow, stricter than OpenCV, finds the pixel data incomplete."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(encoded)) as image:
                image.load()
        return False
    except (OSError, ValueError, SyntaxError) as error:
        return "truncated" in str(error)


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
        groups: Column name -> `(N,)` str.
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

    def __len__(self) -> int:
        return len(self.paths)

    def rows(self, *splits: str) -> NDArray[np.int64]:
        """Rows whose split is among `splits`, in table order."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def encoded(self, row: int) -> bytes:
        """The file's bytes as they came."""
        return bytes(self._cache["encoded"][self._offsets[row] : self._offsets[row + 1]].tobytes())

    def image(self, row: int) -> NDArray[np.uint8]:
        """Decode one image: `(H, W, 3)` uint8, RGB, upright."""
        return decode(self.encoded(row))

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


def write_store(
    path: Path,
    records: Sequence[ImageRecord],
    root: Path,
    limits: ImageLimits,
    source: str,
    progress: Callable[[Iterable[str], int], Iterable[str]] = lambda items, _: items,
) -> tuple[list[ImageRecord], list[tuple[str, str]]]:
    """Check every image of a table and write the image store, whole or not at all.

    Args:
        path: The file to write.
        records: The table, from an adapter.
        root: Folder the records' paths are relative to.
        limits: What counts as a usable image.
        source: Name of the data set, for messages.
        progress: Wraps the iteration over paths, given them and their number.

    Returns:
        The records kept, and `(path, reason)` of every image left out.

    Raises:
        ValueError: The table is ill-formed, or an image is unusable and `limits.on_bad_image` is ``stop``.
    """
    check_records(records, source)
    sizes, digests, lengths, refused = _inspect(records, root, limits, progress)
    if refused and limits.on_bad_image == "stop":
        shown = "; ".join(f"{name}: {reason}" for name, reason in refused[:3])
        raise ValueError(
            f"{root}: {len(refused)} unusable images: {shown} (prepare.on_bad_image: skip leaves them out)"
        )
    bad = {name for name, _ in refused}
    kept = [record for record in records if record.path not in bad]
    check_records(kept, source)
    header = hdf5.Header(
        schema=SCHEMA,
        table=table_digest(kept, [digests[record.path] for record in kept]),
        notes={"groups": sorted(kept[0].groups), "left_out": [list(item) for item in refused]},
    )
    with hdf5.create(path, header) as cache:
        _write_table(cache, kept, sizes, digests)
        offsets = np.concatenate([[0], np.cumsum([lengths[record.path] for record in kept], dtype=np.int64)])
        cache.array("encoded_offsets", offsets)
        encoded = cache.rows("encoded", int(offsets[-1]), (), np.uint8)
        for record in kept:
            encoded.append(np.frombuffer(project_path(root, record.path).read_bytes(), np.uint8))
    return kept, refused


def _inspect(
    records: Sequence[ImageRecord],
    root: Path,
    limits: ImageLimits,
    progress: Callable[[Iterable[str], int], Iterable[str]],
) -> tuple[dict[str, tuple[int, int]], dict[str, str], dict[str, int], list[tuple[str, str]]]:
    sizes: dict[str, tuple[int, int]] = {}
    digests: dict[str, str] = {}
    lengths: dict[str, int] = {}
    refused: list[tuple[str, str]] = []

    def inspect(name: str) -> tuple[str, tuple[int, int] | None, str, int, str]:
        try:
            encoded = project_path(root, name).read_bytes()
            size = check_image(encoded, limits)
            return name, size, hashlib.sha256(encoded).hexdigest(), len(encoded), ""
        except FileNotFoundError:
            return name, None, "", 0, "the file does not exist"
        except (OSError, BadImageError) as error:
            return name, None, "", 0, str(error)

    paths = [record.path for record in records]
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        for name, size, digest, length, reason in pool.map(inspect, progress(paths, len(paths))):
            if size is None:
                refused.append((name, reason))
            else:
                sizes[name], digests[name], lengths[name] = size, digest, length
    return sizes, digests, lengths, refused


def _write_table(
    cache: hdf5.CacheWriter,
    records: Sequence[ImageRecord],
    sizes: dict[str, tuple[int, int]],
    digests: dict[str, str],
) -> None:
    codes = {name: code for code, name in enumerate(VIEWPOINTS)}
    cache.array("camera_id", [record.camera_id or "" for record in records])
    for name in sorted(records[0].groups):
        cache.array(f"group_{name}", [record.groups[name] for record in records])
    cache.array("image_digest", [digests[record.path] for record in records])
    cache.array("path", [record.path for record in records])
    annotations = [record.parts for record in records]
    present = [parts for parts in annotations if parts is not None]
    cache.array("part_boxes", np.concatenate([np.zeros((0, 4), np.float32), *[p.boxes for p in present]]))
    cache.array("part_labels", np.concatenate([np.zeros(0, np.uint8), *[p.labels for p in present]]))
    counts = [0 if parts is None else len(parts.boxes) for parts in annotations]
    cache.array("part_offsets", np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))
    cache.array("parts_annotated", np.array([parts is not None for parts in annotations]))
    cache.array("size", np.array([sizes[record.path] for record in records], np.int32))
    cache.array("split", [record.split for record in records])
    cache.array("vehicle_id", [record.vehicle_id or "" for record in records])
    viewpoints = [-1 if record.viewpoint is None else codes[record.viewpoint] for record in records]
    cache.array("viewpoint", np.array(viewpoints, np.int8))
