"""Small data sets with one hostile thing in them, read as `prepare` and the doctor read them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from pipeline.datasets.adapters import PrepareParams, read_data_set
from pipeline.datasets.packing import write_store
from pipeline.doctor.check import check_data_set
from pipeline.store import params
from pipeline.store.images import ImageStore

HEADER = "path,split,vehicle_id,camera_id,viewpoint"
SECRET = b"never to be read"
FUZZED = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
"""How parsers are fuzzed: the same examples each time, kept nowhere."""

Policy = Literal["stop", "skip"]


def picture(seed: int = 0) -> bytes:
    """A PNG file of 30 x 20 pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)
    return bytes(cv2.imencode(".png", pixels)[1].tobytes())


def write_table(root: Path, rows: Sequence[str], header: str = HEADER) -> None:
    root.mkdir(exist_ok=True)
    (root / "images.csv").write_bytes("\n".join([header, *rows, ""]).encode())


def write_good(root: Path) -> None:
    """A data set of one extra image, ``good.png``."""
    write_table(root, ["good.png,extra,,,"])
    (root / "good.png").write_bytes(picture())


def values(policy: Policy = "stop", **changes: Any) -> PrepareParams:
    """The project's parameters of a table, with limits that make the tests quick."""
    section = params.read(Path(__file__).parents[2] / "params.yaml")["prepare"]
    found = params.build(PrepareParams, section | {"adapter": "table"} | changes, "prepare")
    return replace(found, limits=replace(found.limits, max_pixels=10_000, min_side=8, on_bad_image=policy))


def prepared(root: Path, policy: Policy = "stop", **changes: Any) -> list[str]:
    """Paths of the images that `prepare` keeps; the doctor looks the same data set over and never raises.

    Raises:
        ValueError, OSError: `prepare` refuses the data set.
    """
    given = values(policy, **changes)
    report = check_data_set(root, given)
    try:
        found = read_data_set(root, given)
        kept, left_out = write_store(root.parent / "store.h5", found.records, root, given.limits, str(root))
    except (ValueError, OSError):
        assert report.count("error"), "prepare refuses what the doctor passed"
        raise
    assert len(ImageStore(root.parent / "store.h5").left_out) == len(left_out)
    assert SECRET not in (root.parent / "store.h5").read_bytes()
    return [record.path for record in kept]


def coco(**changes: Any) -> dict[str, Any]:
    """A COCO document of ``good.png`` with one box; `changes` replace keys, a tuple ``(place, key)`` inside lists."""
    return {
        "images": [{"id": 1, "file_name": "good.png", "width": 30, "height": 20}],
        "categories": [{"id": 1, "name": "wheel"}],
        "annotations": [{"id": 7, "image_id": 1, "category_id": 1, "bbox": [3, 4, 10, 8]}],
    } | changes


T = TypeVar("T")


def read_or_refused(read: Callable[[Path], T], path: Path) -> T | None:
    """What a parser reads; None where it refuses the file, which it must name."""
    try:
        return read(path)
    except ValueError as error:
        if path.name not in str(error):
            pytest.fail(f"the message names no file: {error}")
        return None


def with_parts(root: Path, content: bytes | dict[str, Any]) -> list[str]:
    """What `prepared` makes of a good data set with this COCO file."""
    write_good(root)
    (root / "parts.json").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return prepared(root, parts={"file": "parts.json", "images": None, "categories": None})
