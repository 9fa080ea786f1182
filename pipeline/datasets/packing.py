"""From a table of files to the image store: every image checked, all packed into one file."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.limits import ImageLimitsParams, check_image
from pipeline.datasets.records import (
    ImageRecord,
    Reader,
    check_records,
    readers_of,
    roles_by_test_set,
    table_digest,
)
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.images import SCHEMA
from pipeline.store.vocabulary import VIEWPOINTS

MISSING = "the file does not exist"
"""Refusal of an image that is not on disk."""

_AT_ONCE = 4096


def write_store(
    path: Path,
    records: Sequence[ImageRecord],
    root: Path,
    limits: ImageLimitsParams,
    source: str,
    progress: Callable[[Iterable[str], int], Iterable[str]] = lambda items, _: items,
    remarks: Sequence[str] = (),
    made_by: Mapping[str, str] | None = None,
    contents: Mapping[str, Reader] | None = None,
) -> tuple[list[ImageRecord], list[tuple[str, str]]]:
    """Check every image of a table and write the image store, whole or not at all.

    Args:
        path: The file to write.
        records: The table, from an adapter.
        root: Folder the records' paths are relative to.
        limits: What counts as a usable image.
        source: Name of the data set, for messages.
        progress: Wraps the iteration over paths, given them and their number.
        remarks: What the adapter noticed, kept in the header's notes.
        made_by: What the header says of where the store belongs.
        contents: `Found.contents`, images that are no files; None: there are none.

    Returns:
        The records kept, and `(path, reason)` of every image left out.

    Raises:
        ValueError: The table is ill-formed, an image is unusable and `limits.on_bad_image` is ``stop``, boxes
            were drawn on an image of another size, or an image changed while the stage ran.
    """
    check_records(records, source)
    files = readers_of(records, root, contents or {}, limits.links)
    inspected = inspect_files(files, limits, progress)
    refused = [(name, found.refusal) for name, found in inspected.items() if found.refusal]
    if refused and limits.on_bad_image == "stop":
        shown = "; ".join(f"{name}: {reason}" for name, reason in refused[:3])
        raise ValueError(
            f"{root}: {len(refused)} unusable images: {shown} (prepare.limits.on_bad_image: skip leaves them out)"
        )
    kept = [record for record in records if not inspected[record.path].refusal]
    check_records(kept, source)
    _check_annotated_sizes(kept, inspected, source)
    header = hdf5.Header(
        schema=SCHEMA,
        table=table_digest(kept, [inspected[record.path].digest for record in kept]),
        made_by=dict(made_by or {}),
        notes={
            "groups": sorted(kept[0].groups),
            "left_out": len(refused),
            "remarks": list(remarks),
            "test_sets": list(roles_by_test_set(kept)),
        },
    )
    with hdf5_writer.create(path, header) as cache:
        _write_table(cache, kept, inspected)
        _write_encoded(cache, {r.path: files[r.path] for r in kept}, [inspected[r.path] for r in kept])
        cache.array("left_out_path", np.array([name for name, _ in refused], str))
        cache.array("left_out_reason", np.array([reason for _, reason in refused], str))
    return kept, refused


@dataclass(frozen=True, slots=True)
class Inspected:
    """One file.

    Attributes:
        size: Upright (height, width) in pixels, (0, 0) where it is refused.
        digest: SHA-256 (hexadecimal) of its bytes, "" where it is refused.
        length: Of its bytes.
        refusal: Why it is refused, "" where it is not.
        fingerprint: What the caller's function made of its pixels, empty without one and where it is refused.
    """

    size: tuple[int, int]
    digest: str
    length: int
    refusal: str
    fingerprint: bytes = b""


def inspect_files(
    files: Mapping[str, Reader],
    limits: ImageLimitsParams,
    progress: Callable[[Iterable[str], int], Iterable[str]],
    fingerprint: Callable[[NDArray[np.uint8]], bytes] = lambda image: b"",
) -> dict[str, Inspected]:
    """Read and decode every image, on all cores, keeping none.

    Args:
        files: Path in the table -> what gives its encoded bytes.
        limits: What counts as a usable image.
        progress: Wraps the iteration over paths, given them and their number.
        fingerprint: What to make of each image, `(H, W, 3)` uint8, RGB, upright, while it is decoded.

    Returns:
        Path in the table -> what was found.
    """
    waiting = list(files.values())

    def inspected(pool: ThreadPoolExecutor) -> Iterator[Inspected]:
        for start in range(0, len(waiting), _AT_ONCE):  # a pool keeps 1.7 KB of each task it is given
            yield from pool.map(lambda read: _inspect(read, limits, fingerprint), waiting[start : start + _AT_ONCE])

    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        return dict(zip(progress(files, len(files)), inspected(pool), strict=True))


def _inspect(read: Reader, limits: ImageLimitsParams, fingerprint: Callable[[NDArray[np.uint8]], bytes]) -> Inspected:
    try:
        encoded = read()
        image = check_image(encoded, limits)
        digest = hashlib.sha256(encoded).hexdigest()
        return Inspected((image.shape[0], image.shape[1]), digest, len(encoded), "", fingerprint(image))
    except FileNotFoundError:
        return Inspected((0, 0), "", 0, MISSING)
    except (OSError, ValueError, RuntimeError, MemoryError) as error:  # RuntimeError: links in a circle
        return Inspected((0, 0), "", 0, str(error))


def _check_annotated_sizes(records: Sequence[ImageRecord], inspected: dict[str, Inspected], source: str) -> None:
    for record in records:
        drawn = None if record.parts is None else record.parts.size
        if drawn is not None and drawn != inspected[record.path].size:
            (height, width), found = drawn, inspected[record.path].size
            raise ValueError(
                f"{source}: part boxes of {record.path} were drawn on {width} x {height} pixels, "
                f"but the upright image has {found[1]} x {found[0]}"
            )


def _write_encoded(cache: hdf5_writer.CacheWriter, files: Mapping[str, Reader], inspected: Sequence[Inspected]) -> None:
    offsets = np.concatenate([[0], np.cumsum([found.length for found in inspected], dtype=np.int64)])
    cache.array("encoded_offsets", offsets)
    encoded = cache.rows("encoded", int(offsets[-1]), (), np.uint8)
    for (path, read), found in zip(files.items(), inspected, strict=True):
        content = read()
        if hashlib.sha256(content).hexdigest() != found.digest:
            raise ValueError(f"{path}: the file changed while it was being read; run again")
        encoded.append(np.frombuffer(content, np.uint8))


def _write_table(
    cache: hdf5_writer.CacheWriter, records: Sequence[ImageRecord], inspected: dict[str, Inspected]
) -> None:
    codes = {name: code for code, name in enumerate(VIEWPOINTS)}
    cache.array("camera_id", [record.camera_id or "" for record in records])
    for name in sorted(records[0].groups):
        cache.array(f"group_{name}", [record.groups[name] for record in records])
    cache.array("image_digest", [inspected[record.path].digest for record in records])
    cache.array("path", [record.path for record in records])
    annotations = [record.parts for record in records]
    present = [parts for parts in annotations if parts is not None]
    cache.array("part_boxes", np.concatenate([np.zeros((0, 4), np.float32), *[p.boxes for p in present]]))
    cache.array("part_labels", np.concatenate([np.zeros(0, np.uint8), *[p.labels for p in present]]))
    counts = [0 if parts is None else len(parts.boxes) for parts in annotations]
    cache.array("part_offsets", np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))
    cache.array("parts_annotated", np.array([parts is not None for parts in annotations]))
    for name, roles in roles_by_test_set(records).items():
        cache.array(f"role_{name}", roles)
    cache.array("size", np.array([inspected[record.path].size for record in records], np.int32))
    cache.array("split", [record.split for record in records])
    cache.array("vehicle_id", [record.vehicle_id or "" for record in records])
    viewpoints = [-1 if record.viewpoint is None else codes[record.viewpoint] for record in records]
    cache.array("viewpoint", np.array(viewpoints, np.int8))
