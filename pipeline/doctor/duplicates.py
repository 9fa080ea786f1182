"""The same image under two paths: where it is meant, where it costs, and where it makes results wrong."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipeline.datasets.annotations.matching import listed_twice
from pipeline.datasets.packing import Inspected
from pipeline.datasets.records import ImageRecord, roles_by_test_set
from pipeline.doctor.findings import Finding, Level

KINDS: dict[str, tuple[Level, str, str]] = {
    "vehicles": (
        "error",
        "sets of identical images that carry different vehicles",
        "At least one label is wrong: correct it, or take the images out of the table.",
    ),
    "leak": (
        "error",
        "sets of identical images that are both trained on and tested on",
        "The test would ask for images seen in training: take them out of one of the two.",
    ),
    "hit": (
        "error",
        "queries whose copy in the gallery counts as a hit",
        "Fill in or correct their cameras (an unknown one is never taken for the same), or take the copy out of "
        "the gallery, or list one file alone, in a table with the split both, which never finds itself.",
    ),
    "listed twice": (
        "note",
        "pairs of a query and the same image in the gallery",
        "Benchmarks as VeRi-776 list their queries in the gallery too. The copy leaves the ranking under the protocols "
        "that remove same-camera images (veri776, veri_wild, cityflow_reid, cross_camera); under others the copy "
        "counts as a hit.",
    ),
    "other": (
        "warning",
        "sets of identical images",
        "Keep one of each: copies weigh double in training, take ranks twice in a gallery, and count as hits where "
        "galleries are drawn (vehicleid).",
    ),
}
"""Kind of a set of identical images -> its level, what it is called, what to do."""


def find_duplicates(records: Sequence[ImageRecord], inspected: Mapping[str, Inspected]) -> list[Finding]:
    """Find images whose files hold the same bytes.

    Args:
        records: The table.
        inspected: What each file holds, by path.
    """
    by_digest: defaultdict[str, list[ImageRecord]] = defaultdict(list)
    for record in records:
        if digest := inspected[record.path].digest:
            by_digest[digest].append(record)
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for same in by_digest.values():
        if len(same) > 1:
            kind = _kind(same)
            by_kind[kind].append(_described(same, KINDS[kind][0] == "error"))
    return [
        Finding("duplicates", level, len(by_kind[kind]), what, tuple(by_kind[kind][:3]), advice)
        for kind, (level, what, advice) in KINDS.items()
        if kind in by_kind
    ]


def is_tested_on(record: ImageRecord) -> bool:
    """Whether an image is in a test set."""
    return bool(record.roles) or record.split in ("query", "gallery", "test")


def labels_of(record: ImageRecord) -> str:
    """What a finding says of an image beside its path."""
    return f"{record.split}, vehicle {record.vehicle_id or 'unknown'}, camera {record.camera_id or 'unknown'}"


def _kind(same: Sequence[ImageRecord]) -> str:
    if len({record.vehicle_id for record in same} - {None}) > 1:
        return "vehicles"
    if any(record.split == "train" for record in same) and any(is_tested_on(record) for record in same):
        return "leak"
    if any(record.vehicle_id for record in same) and _finds_copy(same):
        return "hit"
    return "listed twice" if len(same) == 2 and listed_twice(*same) else "other"


def _finds_copy(same: Sequence[ImageRecord]) -> bool:
    """Whether one of these identical images is a query to which another, in the gallery, is not of its own camera."""
    for roles in roles_by_test_set(same).values():
        listed = [
            (record, role) for record, role in zip(same, roles, strict=True) if role in ("query", "gallery", "both")
        ]
        cameras = {record.camera_id for record, _ in listed}
        asked, searched = (any(role in (name, "both") for _, role in listed) for name in ("query", "gallery"))
        if len(listed) > 1 and asked and searched and (None in cameras or len(cameras) > 1):
            return True
    return False


def _described(same: Sequence[ImageRecord], with_labels: bool) -> str:
    names = [f"{r.path} ({labels_of(r)})" if with_labels else r.path for r in same]
    return " = ".join(names[:3]) + (f" = {len(same) - 3} more" if len(same) > 3 else "")
