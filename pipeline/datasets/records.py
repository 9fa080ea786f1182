"""The image table: one record an image, the checks every data set must pass, and its HDF5 file."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.datasets.limits import Links
from pipeline.store.boxes import PartBoxes
from pipeline.store.files import digest_of, regular
from pipeline.store.vocabulary import PART_CLASSES, ROLES, SPLITS, TEST_SET, VIEWPOINTS, WITHOUT_IDENTITY
from pipeline.store.words import is_text

Reader = Callable[[], bytes]
"""Gives an image's encoded bytes; raises `OSError` or `BadImageError` where it cannot."""

LEADS_OUT = "a link that leads out of the data set's folder (prepare.limits.links: anywhere follows it)"
"""Refusal of a link."""


@dataclass(frozen=True)
class ImageRecord:
    """One image as an adapter found it.

    Attributes:
        path: File, relative to the data set's root, with forward slashes.
        split: One of `SPLITS`.
        vehicle_id: Identity, None where unknown (only allowed in `extra` and `withheld`).
        camera_id: Camera, None where unknown.
        viewpoint: A key of `VIEWPOINTS`, None where unlabelled.
        groups: Further columns of the source table, as ``{"source": "two_camera"}``.
        parts: Annotated parts; None where the image was never annotated (an empty annotation says: no part).
        roles: Test set -> one of `ROLES`, for each test set the image is in; empty in every record of a table with
            one test set, which `split` then describes.
    """

    path: str
    split: str
    vehicle_id: str | None = None
    camera_id: str | None = None
    viewpoint: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    parts: PartBoxes | None = None
    roles: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What an adapter found.

    Attributes:
        records: One record an image, in the order that becomes the table's.
        remarks: What a reader should know, one sentence each, as how many images lack a viewpoint.
        contents: Path of an image that is no file of the data set's folder -> what makes its encoded bytes.
    """

    records: list[ImageRecord]
    remarks: list[str]
    contents: Mapping[str, Reader] = field(default_factory=dict)


def check_records(records: Sequence[ImageRecord], source: str) -> None:
    """Check a table before anything is computed from it.

    Args:
        records: The whole table.
        source: Where it came from, for messages.

    Raises:
        ValueError: The table is empty, names a path twice or one that is not in UTF-8, or a record has an unknown split
            or viewpoint, lacks an identity outside `WITHOUT_IDENTITY`, has an unknown role, is in a test set though it
            is trained on, or has ill-formed parts. The message counts the offenders and shows three.
    """
    if not records:
        raise ValueError(f"{source}: no images found")
    _refuse([repr(r.path) for r in records if not is_text(r.path)], "paths that are not in UTF-8", source)
    counts = Counter(record.path for record in records)
    _refuse([path for path, count in counts.items() if count > 1], "paths listed more than once", source)
    _refuse(
        [f"{r.path} ({r.split})" for r in records if r.split not in SPLITS],
        f"splits not among {', '.join(SPLITS)}",
        source,
    )
    _refuse(
        [f"{r.path} ({r.viewpoint})" for r in records if r.viewpoint is not None and r.viewpoint not in VIEWPOINTS],
        f"viewpoints not among {', '.join(VIEWPOINTS)}",
        source,
    )
    _refuse(
        [r.path for r in records if r.split not in WITHOUT_IDENTITY and not r.vehicle_id],
        "images without a vehicle_id",
        source,
    )
    _refuse(
        [f"{r.path} ({role})" for r in records for role in r.roles.values() if role not in ROLES],
        f"roles not among {', '.join(ROLES)}",
        source,
    )
    _refuse(
        [f"{r.path} ({', '.join(r.roles)})" for r in records if r.split == "train" and r.roles],
        "training images in a test set",
        source,
    )
    _refuse(
        [r.path for r in records if r.parts is not None and not _well_formed(r.parts)],
        "ill-formed parts",
        source,
    )
    groups = {tuple(sorted(record.groups)) for record in records}
    if len(groups) > 1:
        shown = " and ".join(", ".join(names) or "none" for names in sorted(groups)[:3])
        raise ValueError(f"{source}: records have different group columns: {shown}")


def roles_by_test_set(records: Sequence[ImageRecord]) -> dict[str, list[str]]:
    """Test set -> role of every record in it, "" where it is not in it; in the order the records first name them.

    A table that names no test set has one, `TEST_SET`, if any of its splits is a query, gallery or test split.
    """
    names = dict.fromkeys(name for record in records for name in record.roles)
    if names:
        return {name: [record.roles.get(name, "") for record in records] for name in names}
    implied = {"query": "query", "gallery": "gallery", "test": "drawn"}
    roles = [implied.get(record.split, "") for record in records]
    return {TEST_SET: roles} if any(roles) else {}


def table_digest(records: Sequence[ImageRecord], digests: Sequence[str]) -> str:
    """Digest of a table: its paths, labels, part boxes and image contents, in order.

    Args:
        records: The table.
        digests: SHA-256 of each image's bytes, in the same order.
    """
    return digest_of(
        [
            [r.path, r.split, r.vehicle_id, r.camera_id, r.viewpoint, r.groups, r.roles, _listed(r.parts), digest]
            for r, digest in zip(records, digests, strict=True)
        ]
    )


def _listed(parts: PartBoxes | None) -> list[list[float]] | None:
    return None if parts is None else [parts.boxes.ravel().tolist(), parts.labels.tolist()]


def _refuse(offenders: Sequence[str], what: str, source: str) -> None:
    if offenders:
        shown = ", ".join(offenders[:3])
        raise ValueError(f"{source}: {len(offenders)} {what}, for example {shown}")


def _well_formed(parts: PartBoxes) -> bool:
    boxes, labels = parts.boxes, parts.labels
    return bool(
        boxes.ndim == 2
        and boxes.shape[1:] == (4,)
        and len(labels) == len(boxes)
        and np.all((boxes >= 0) & (boxes <= 1))
        and np.all(boxes[:, 2:] > boxes[:, :2])
        and np.all(labels < len(PART_CLASSES))
    )


def project_path(root: Path, relative: str) -> Path:
    """Join a record's path to its root, refusing one that leaves it.

    Raises:
        ValueError: `relative` is absolute or climbs out of `root`.
    """
    if relative.startswith("/") or ".." in Path(relative).parts:
        raise ValueError(f"{root}: path {relative!r} must stay inside the data set's folder")
    return root / relative


def readers_of(
    records: Sequence[ImageRecord], root: Path, contents: Mapping[str, Reader], links: Links
) -> dict[str, Reader]:
    """What gives each image's encoded bytes.

    Args:
        records: The images.
        root: The data set's folder.
        contents: `Found.contents`; all other images are files.
        links: Where files that are links may lead.

    Returns:
        Path in the table -> its reader.

    Raises:
        ValueError: A path leaves the folder.
    """
    border = root.resolve() if links == "inside" else None
    files = {record.path: project_path(root, record.path) for record in records if record.path not in contents}
    read = {path: partial(_content, file, border) for path, file in files.items()}
    return {record.path: contents.get(record.path) or read[record.path] for record in records}


def _content(file: Path, border: Path | None) -> bytes:
    """Bytes of a regular file, within a folder where one is given; raises ValueError where it is none."""
    if border is not None and not file.resolve().is_relative_to(border):
        raise ValueError(LEADS_OUT)
    return regular(file).read_bytes()
