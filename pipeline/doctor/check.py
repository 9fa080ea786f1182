"""The doctor: what is wrong with a data set, what is missing, and what to do about it, before anything is trained."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.datasets.adapters import PrepareParams, adapter_of, read_data_set
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.official import Size
from pipeline.datasets.packing import MISSING, Inspected, inspect_files
from pipeline.datasets.records import LEADS_OUT, Found, ImageRecord, check_records, readers_of, roles_by_test_set
from pipeline.doctor.boxes import find_box_faults
from pipeline.doctor.duplicates import find_duplicates, is_tested_on
from pipeline.doctor.findings import CountRow, Finding, Level, Report
from pipeline.doctor.near_duplicates import find_near_duplicates, fingerprint
from pipeline.doctor.stages import Plan, find_stage_faults, unlisted
from pipeline.doctor.truth import find_truth_faults
from pipeline.store.vocabulary import SPLITS, TEST_SET, WITHOUT_IDENTITY

Progress = Callable[[Iterable[str], int], Iterable[str]]


def check_data_set(
    root: Path, values: PrepareParams, progress: Progress = lambda items, _: items, plan: Plan | None = None
) -> Report:
    """Read a data set as `prepare` does, look at every image, and report.

    Args:
        root: The data set's folder.
        values: The section `prepare` of the parameters.
        progress: Wraps the iteration over paths, given them and their number.
        plan: What the run does with the data set; None leaves its stages out.

    Returns:
        Counts, findings and the adapter's remarks. What the adapter refuses is itself a finding.
    """
    try:
        found = read_data_set(root, values)
        files = readers_of(found.records, root, found.contents, values.limits.links)
    except (ValueError, OSError) as error:
        return Report(None, [], [_refused_table(error), *([] if plan is None else unlisted(plan))], [])
    findings = _table(found.records, root)
    inspected = inspect_files(files, values.limits, progress, fingerprint)
    findings += _images(inspected, values.limits)
    findings += find_duplicates(found.records, inspected)
    findings += find_near_duplicates(found.records, inspected)
    records = found.records
    if values.limits.on_bad_image == "skip":
        records = [record for record in records if not inspected[record.path].refusal]
        findings += _left(records, found, root)
    findings += [*_vehicles(records), *_cameras(records), *_viewpoints(records), *_parts(records, inspected)]
    sizes = {record.path: inspected[record.path].size for record in records}
    findings += find_truth_faults(root, values, records, sizes)
    findings += find_box_faults(root, values.parts)
    findings += [] if plan is None else find_stage_faults(records, plan)
    benchmark = adapter_of(values).benchmark
    counts = _counts(found.records, benchmark.sizes if benchmark else {})
    if benchmark is not None:
        findings += _official(counts, benchmark.name)
    return Report(benchmark.name if benchmark else None, counts, findings, found.remarks)


def _finding(section: str, level: Level, what: str, offenders: Sequence[str], advice: str) -> list[Finding]:
    """A finding about these offenders, none where there are none."""
    return [Finding(section, level, len(offenders), what, tuple(offenders[:3]), advice)] if offenders else []


def _refused_table(error: Exception) -> Finding:
    advice = "Correct what the message names, or prepare's parameters for this data set; nothing else was checked."
    return Finding("table", "error", 1, "table that cannot be read", (str(error),), advice)


def _table(records: Sequence[ImageRecord], root: Path) -> list[Finding]:
    try:
        check_records(records, str(root))
    except ValueError as error:
        advice = "Correct what the message names: prepare refuses such a table."
        return [Finding("table", "error", 1, "fault of the table", (str(error),), advice)]
    return []


def _left(records: Sequence[ImageRecord], found: Found, root: Path) -> list[Finding]:
    """What `prepare` refuses, and later stages lack, once unusable images are left out."""
    if faults := _table(records, root):
        return faults if not _table(found.records, root) else []
    left = {row.name for row in _counts(records, {})} | set(WITHOUT_IDENTITY)
    lost = [f"{row.name}: all {row.images:,}" for row in _counts(found.records, {}) if row.name not in left]
    advice = "Nothing can be trained or measured with what is left: complete the copy of the data set."
    return _finding("images", "error", "kinds of images of which none is left", lost, advice)


def _counts(records: Sequence[ImageRecord], official: Mapping[str, Size]) -> list[CountRow]:
    groups: dict[str, list[ImageRecord]] = {split: [r for r in records if r.split == split] for split in SPLITS}
    if any(record.roles for record in records):
        for name, roles in roles_by_test_set(records).items():
            for role in ("query", "gallery", "drawn"):
                members = (role,) if role == "drawn" else (role, "both")
                groups[f"{name}: {role}"] = [r for r, own in zip(records, roles, strict=True) if own in members]
    else:
        roles_of_splits = {f"{TEST_SET}: {split}": split for split in ("query", "gallery")}
        official = {roles_of_splits.get(name, name): size for name, size in official.items()}
    absent: dict[str, list[ImageRecord]] = {name: [] for name in official if name not in groups}
    return [
        _count_row(name, members, official.get(name, Size(None, None)))
        for name, members in (groups | absent).items()
        if members or name in official
    ]


def _count_row(name: str, members: Sequence[ImageRecord], official: Size) -> CountRow:
    return CountRow(
        name=name,
        images=len(members),
        vehicles=len({record.vehicle_id for record in members} - {None}),
        cameras=len({record.camera_id for record in members} - {None}),
        official_images=official.images,
        official_vehicles=official.vehicles,
    )


def _official(counts: Sequence[CountRow], benchmark: str) -> list[Finding]:
    shown, near = [], False
    for row in counts:
        pairs = (("images", row.images, row.official_images), ("vehicles", row.vehicles, row.official_vehicles))
        for kind, found, official in pairs:
            if official is not None and found != official:
                shown.append(f"{row.name}: {found:,} {kind}, officially {official:,}")
                near = near or 2 * found >= official
    what = f"figures that differ from {benchmark}'s own"
    if near:
        advice = "The copy is incomplete or of another release: complete it before comparing with published results."
        return _finding("counts", "warning", what, shown, advice)
    advice = (
        f"Nothing to do if this is another data set in {benchmark}'s layout; {benchmark} itself would be incomplete."
    )
    return _finding("counts", "note", what, shown, advice)


def _images(inspected: Mapping[str, Inspected], limits: ImageLimitsParams) -> list[Finding]:
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for path, found in inspected.items():
        if found.refusal:
            by_kind[_kind_of(found.refusal)].append(path if found.refusal == MISSING else f"{path}: {found.refusal}")
    skipped = limits.on_bad_image == "skip"
    end = "; they are left out" if skipped else ", or leave them out with prepare.limits.on_bad_image: skip"
    remedies = {
        "images that are not on disk": "Complete the copy of the data set",
        "images that are too small": "Look at them and lower prepare.limits.min_side if they are of use",
        "images that are too large": "Look at them and raise prepare.limits.max_pixels if they are meant",
        "images that are links out of the folder": "Copy them into it, set prepare.limits.links: anywhere",
        "images that cannot be read": "Fetch these files again",
    }
    level: Level = "warning" if skipped else "error"
    return [
        finding
        for kind, advice in remedies.items()
        for finding in _finding("images", level, kind, by_kind[kind], f"{advice}{end}.")
    ]


def _kind_of(refusal: str) -> str:
    if refusal == MISSING:
        return "images that are not on disk"
    if refusal == LEADS_OUT:
        return "images that are links out of the folder"
    if "prepare.limits.min_side" in refusal:
        return "images that are too small"
    return "images that are too large" if "prepare.limits.max_pixels" in refusal else "images that cannot be read"


def _vehicles(records: Sequence[ImageRecord]) -> list[Finding]:
    trained = Counter(r.vehicle_id for r in records if r.split == "train" and r.vehicle_id)
    first_trained = {r.vehicle_id: r.path for r in reversed(records) if r.split == "train"}
    first_tested = {r.vehicle_id: r.path for r in reversed(records) if is_tested_on(r) and r.vehicle_id}
    both = sorted(trained.keys() & first_tested.keys())
    single = sorted(vehicle for vehicle, count in trained.items() if count == 1)
    return [
        *_finding(
            "vehicles",
            "error",
            "vehicles that are both trained on and tested on",
            [f"{vehicle}: {first_trained[vehicle]} and {first_tested[vehicle]}" for vehicle in both],
            "Move all images of a vehicle to one side: figures of vehicles known from training say nothing.",
        ),
        *_finding(
            "vehicles",
            "warning",
            "vehicles with a single training image",
            [f"{vehicle}: {first_trained[vehicle]}" for vehicle in single],
            "The triplet loss has no second image to pair them with and repeats the one: add images or leave them out.",
        ),
    ]


def _cameras(records: Sequence[ImageRecord]) -> list[Finding]:
    needed = [r for r in records if r.vehicle_id and (r.split == "train" or is_tested_on(r))]
    without = [record.path for record in needed if record.camera_id is None]
    level: Level = "warning"
    advice = "Fill in their cameras if they are known: an unknown camera is never taken for the same as another."
    if len(without) == len(needed):
        level, advice = "note", "No camera is known, so the cross-camera rule removes nothing from any ranking."
    findings = _finding("cameras", level, "images without camera", without, advice)
    for name, roles in roles_by_test_set(records).items():
        findings += _lost_queries(name, records, roles)
    return findings


def _lost_queries(name: str, records: Sequence[ImageRecord], roles: Sequence[str]) -> list[Finding]:
    gallery: defaultdict[str | None, Counter[str | None]] = defaultdict(Counter)
    for record, role in zip(records, roles, strict=True):
        if role in ("gallery", "both"):
            gallery[record.vehicle_id][record.camera_id] += 1
    absent, alone = [], []
    for record, role in zip(records, roles, strict=True):
        if role in ("query", "both") and record.vehicle_id:
            others = gallery[record.vehicle_id] - Counter([record.camera_id] if role == "both" else [])
            if not others:
                absent.append(record.path)
            elif record.camera_id and set(others) == {record.camera_id}:
                alone.append(f"{record.path} (camera {record.camera_id})")
    return [
        *_finding(
            "cameras",
            "warning",
            f"queries of test set {name} whose vehicle has no other image in the gallery",
            absent,
            "They have no right answer and count in no mean: add gallery images of their vehicles or drop them.",
        ),
        *_finding(
            "cameras",
            "warning",
            f"queries of test set {name} whose vehicle no other camera shows",
            alone,
            "Under the cross-camera rule they lose all matches and count in no mean: add images by other cameras, "
            "or evaluate with evaluate.protocol: every_camera.",
        ),
    ]


def _viewpoints(records: Sequence[ImageRecord]) -> list[Finding]:
    uses = {
        ("train", "extra"): "but SPAN's training leaves them out; reid label-viewpoints labels them by hand",
        ("query", "gallery", "test"): "but what is measured by viewpoint leaves them out",
    }
    findings = []
    for splits, use in uses.items():
        without, shown = 0, []
        for split in splits:
            members = [record for record in records if record.split == split]
            lacking = [record.path for record in members if record.viewpoint is None]
            without += len(lacking)
            shown += [f"{len(lacking):,} of {len(members):,} in {split}, for example {lacking[0]}"] if lacking else []
        if without:
            advice = f"They stay in everything else, {use}."
            findings.append(Finding("viewpoints", "note", without, "images without viewpoint", tuple(shown), advice))
    return findings


def _parts(records: Sequence[ImageRecord], inspected: Mapping[str, Inspected]) -> list[Finding]:
    differing = []
    for record in records:
        size, drawn = inspected[record.path].size, None if record.parts is None else record.parts.size
        if drawn is not None and size != (0, 0) and drawn != size:
            differing.append(f"{record.path}: {size[1]} x {size[0]} pixels, boxes drawn on {drawn[1]} x {drawn[0]}")
    return [
        *_finding(
            "parts",
            "error",
            "images of another size than their boxes were drawn on",
            differing,
            "Annotate the images as they are, or restore those the annotation was made on.",
        ),
        *_finding(
            "parts",
            "note",
            f"of {len(records):,} images without part annotation",
            [record.path for record in records if record.parts is None],
            "Nothing to do: the detector finds their parts, but is neither trained nor measured on them.",
        ),
    ]
