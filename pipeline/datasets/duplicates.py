"""The same image under two paths: where it is meant, where it costs, and where it makes results wrong."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipeline.datasets.findings import Finding, Level
from pipeline.images import Inspected
from pipeline.records import ImageRecord

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
    "listed twice": (
        "note",
        "pairs of a query and the same image in the gallery",
        "Nothing to do: benchmarks as VeRi-776 list their queries in the gallery too, and the cross-camera rule "
        "removes them from the ranking.",
    ),
    "other": (
        "warning",
        "sets of identical images",
        "Keep one of each: copies weigh double in training, and in a gallery they take ranks twice.",
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


def _kind(same: Sequence[ImageRecord]) -> str:
    if len({record.vehicle_id for record in same} - {None}) > 1:
        return "vehicles"
    if any(record.split == "train" for record in same) and any(is_tested_on(record) for record in same):
        return "leak"
    return "listed twice" if len(same) == 2 and _is_query_and_gallery(*same) else "other"


def _is_query_and_gallery(one: ImageRecord, other: ImageRecord) -> bool:
    """Whether two identical images of one camera are nowhere in the same role."""
    if one.camera_id != other.camera_id:
        return False
    if not one.roles and not other.roles:
        return {one.split, other.split} == {"query", "gallery"}
    shared = one.roles.keys() & other.roles.keys()
    return bool(shared) and all({one.roles[name], other.roles[name]} == {"query", "gallery"} for name in shared)


def _described(same: Sequence[ImageRecord], with_labels: bool) -> str:
    names = [f"{r.path} ({r.split}, vehicle {r.vehicle_id or 'unknown'})" if with_labels else r.path for r in same]
    return " = ".join(names[:3]) + (f" = {len(same) - 3} more" if len(same) > 3 else "")
