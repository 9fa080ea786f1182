from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.datasets.adapters import ADAPTERS, PrepareParams
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.official import Benchmark, Size
from pipeline.datasets.records import Found, ImageRecord
from pipeline.doctor import check
from pipeline.doctor.check import check_data_set
from pipeline.doctor.findings import Finding, Report, report_lines
from pipeline.store import params
from pipeline.store.boxes import PartBoxes

LIMITS = ImageLimitsParams(max_pixels=2_000, min_side=8, on_bad_image="stop")
BOXES = PartBoxes(np.array([[0, 0, 1, 1]], np.float32), np.array([0], np.uint8), (20, 30))

TRAIN = [ImageRecord(f"t{n}.png", "train", "1", f"c{n}", "front", parts=BOXES) for n in (1, 2)]
TEST = [
    ImageRecord("q1.png", "query", "2", "c1", "side", parts=BOXES),
    ImageRecord("g1.png", "gallery", "2", "c2", "side", parts=BOXES),
]
CLEAN = [*TRAIN, *TEST]

ROLES_OF_XY = (("x", "query"), ("y", "gallery"))

ReportOf = Callable[..., Report]


def save(path: Path, seed: int, size: tuple[int, int] = (20, 30)) -> None:
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


@pytest.fixture
def report_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: PrepareParams) -> ReportOf:
    """Report of hand-made records, with a picture of its own for each path but `absent` that has no file yet."""

    def made(
        records: Sequence[ImageRecord], adapter: str = "table", skip: bool = False, absent: str = "", **truth: object
    ) -> Report:
        for seed, record in enumerate(records):
            if not (tmp_path / record.path).exists() and record.path != absent:
                save(tmp_path / record.path, seed)
        monkeypatch.setattr(check, "read_data_set", lambda root, values: Found(list(records), ["one remark"]))
        limits = replace(LIMITS, on_bad_image="skip" if skip else "stop")
        return check_data_set(tmp_path, replace(values, adapter=adapter, limits=limits, **truth))

    return made


@pytest.fixture
def values() -> PrepareParams:
    """The repository's own parameters, for a table."""
    section = params.read(Path(__file__).parents[2] / "params.yaml")["prepare"]
    return params.build(PrepareParams, section | {"adapter": "table"}, "prepare")


def only(report: Report) -> Finding:
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


def test_a_clean_data_set_has_counts_and_no_findings(report_of: ReportOf) -> None:
    report = report_of(CLEAN)
    assert report.findings == []
    assert [(row.name, row.images, row.vehicles, row.cameras) for row in report.counts] == [
        ("train", 2, 1, 2),
        ("query", 1, 1, 1),
        ("gallery", 1, 1, 1),
    ]
    assert (report.benchmark, report.remarks) == (None, ["one remark"])


def test_no_image_is_lost_between_the_batches_it_is_read_in(
    report_of: ReportOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pipeline.datasets.packing._AT_ONCE", 3)
    (tmp_path / "g1.png").write_bytes(b"")
    assert only(report_of(CLEAN)).examples == ("g1.png: the file is empty",)


def test_test_sets_are_counted_by_role_and_both_counts_twice(report_of: ReportOf) -> None:
    roles = [{"small": "both", "large": "query"}, {"small": "gallery", "large": "drawn"}]
    tested = [replace(record, roles=role) for record, role in zip(TEST, roles, strict=True)]
    counts = {row.name: row.images for row in report_of([*TRAIN, *tested]).counts}
    assert counts == {
        **{"train": 2, "query": 1, "gallery": 1},
        **{"small: query": 1, "small: gallery": 2, "large: query": 1, "large: drawn": 1},
    }


def test_a_vehicle_in_training_and_test_is_an_error_and_named(report_of: ReportOf) -> None:
    finding = only(report_of([*CLEAN, ImageRecord("g2.png", "gallery", "1", "c9", "side", parts=BOXES)]))
    assert (finding.section, finding.level, finding.count) == ("vehicles", "error", 1)
    assert finding.examples == ("1: t1.png and g2.png",)


def test_a_vehicle_trained_on_once_is_a_warning(report_of: ReportOf) -> None:
    finding = only(report_of([*CLEAN, ImageRecord("t3.png", "train", "7", "c1", "side", parts=BOXES)]))
    assert (finding.level, finding.what) == ("warning", "vehicles with a single training image")
    assert finding.examples == ("7: t3.png",)


@pytest.mark.parametrize(("skip", "level"), [(False, "error"), (True, "warning")])
def test_each_fault_of_an_image_is_told_apart(report_of: ReportOf, tmp_path: Path, skip: bool, level: str) -> None:
    save(tmp_path / "small.png", 90, (7, 30))
    save(tmp_path / "large.png", 91, (50, 50))
    (tmp_path / "broken.png").write_bytes(b"text")
    faulty = [replace(TRAIN[0], path=f"{name}.png") for name in ("small", "large", "broken", "absent")]
    report = report_of([*CLEAN, *faulty], skip=skip, absent="absent.png")
    found = {finding.what: finding for finding in report.findings}
    assert [(finding.section, finding.level) for finding in found.values()] == [("images", level)] * 4
    assert found["images that are not on disk"].examples == ("absent.png",)
    assert found["images that are too small"].examples[0].startswith("small.png: 30 x 7 pixels")
    assert found["images that are too large"].examples[0].startswith("large.png: 2500 pixels")
    assert found["images that cannot be read"].examples[0].startswith("broken.png: not an image")


def test_what_left_out_images_leave_behind_is_checked_without_them(report_of: ReportOf) -> None:
    assert report_of(CLEAN, absent="t2.png").count("warning") == 0
    report = report_of(CLEAN, absent="t2.png", skip=True)
    assert [finding.what for finding in report.findings] == [
        "images that are not on disk",
        "vehicles with a single training image",
    ]


def test_a_table_of_which_no_image_is_left_is_an_error(report_of: ReportOf, tmp_path: Path) -> None:
    for record in CLEAN:
        (tmp_path / record.path).write_bytes(b"")
    assert report_of(CLEAN).count("error") == 1
    report = report_of(CLEAN, skip=True)
    assert [(finding.section, finding.level) for finding in report.findings] == [
        ("images", "warning"),
        ("table", "error"),
    ]
    assert report.findings[1].examples == (f"{tmp_path}: no images found",)


def test_a_fault_of_the_whole_table_is_not_said_again_of_what_is_left(report_of: ReportOf) -> None:
    report = report_of([*CLEAN, replace(TRAIN[0], path="t3.png", viewpoint="top")], skip=True, absent="g1.png")
    assert [finding.section for finding in report.findings if finding.level == "error"].count("table") == 1


def test_a_split_or_role_of_which_no_image_is_left_is_an_error(report_of: ReportOf) -> None:
    records = [*CLEAN, ImageRecord("x.png", "extra", viewpoint="front", parts=BOXES)]
    report = report_of(records, skip=True, absent="g1.png")
    lost = next(finding for finding in report.findings if finding.level == "error")
    assert (lost.section, lost.what, lost.examples) == (
        "images",
        "kinds of images of which none is left",
        ("gallery: all 1",),
    )
    (other,) = report_of([*CLEAN, replace(records[-1], path="y.png")], skip=True, absent="y.png").findings
    assert other.level == "warning"


def duplicate(folder: Path, one: str, other: str) -> None:
    save(folder / one, 50)
    (folder / other).write_bytes((folder / one).read_bytes())


def test_a_query_that_is_in_the_gallery_too_is_by_design(report_of: ReportOf, tmp_path: Path) -> None:
    duplicate(tmp_path, "q1.png", "g0.png")
    finding = only(report_of([*CLEAN, replace(TEST[0], path="g0.png", split="gallery")]))
    assert (finding.level, finding.count) == ("note", 1)
    assert finding.examples == ("q1.png = g0.png",)
    assert (
        "under the protocols that remove same-camera images (veri776, veri_wild, cityflow_reid, cross" in finding.advice
    )
    assert "under others the copy counts as a hit" in finding.advice


@pytest.mark.parametrize(("query", "gallery"), [(None, None), ("c1", None), (None, "c1"), ("c1", "c2")])
def test_a_copy_in_the_gallery_that_no_protocol_removes_is_an_error(
    report_of: ReportOf, tmp_path: Path, query: str | None, gallery: str | None
) -> None:
    duplicate(tmp_path, "q1.png", "g0.png")
    pair = [
        replace(TEST[0], camera_id=query),
        replace(TEST[0], path="g0.png", split="gallery", camera_id=gallery),
    ]
    found = [finding for finding in report_of([*TRAIN, *pair, TEST[1]]).findings if finding.section == "duplicates"]
    assert [(finding.level, finding.what) for finding in found] == [
        ("error", "queries whose copy in the gallery counts as a hit")
    ]
    assert found[0].examples == (
        f"q1.png (query, vehicle 2, camera {query or 'unknown'}) = "
        f"g0.png (gallery, vehicle 2, camera {gallery or 'unknown'})",
    )
    assert "take the copy out of the gallery" in found[0].advice


def test_copies_among_more_than_two_images_count_as_hits_too(report_of: ReportOf, tmp_path: Path) -> None:
    for name in ("g0.png", "g2.png"):
        duplicate(tmp_path, "q1.png", name)
    copies = [replace(TEST[0], path=name, split="gallery") for name in ("g0.png", "g2.png")]
    assert only(report_of([*CLEAN, *copies])).what == "sets of identical images"
    copies[1] = replace(copies[1], camera_id="c9")
    assert only(report_of([*CLEAN, *copies])).what == "queries whose copy in the gallery counts as a hit"


def test_an_image_that_is_both_finds_its_copy_but_not_itself(report_of: ReportOf, tmp_path: Path) -> None:
    both = replace(TEST[0], roles={"a": "both"}, camera_id="c1")
    other = replace(TEST[1], roles={"a": "gallery"})
    assert report_of([*TRAIN, both, other]).findings == []
    duplicate(tmp_path, "q1.png", "g0.png")
    copy = replace(other, path="g0.png", camera_id="c7")
    assert only(report_of([*TRAIN, both, other, copy])).what == "queries whose copy in the gallery counts as a hit"


def test_copies_without_identity_are_no_hits(report_of: ReportOf, tmp_path: Path) -> None:
    duplicate(tmp_path, "x.png", "y.png")
    withheld = [
        ImageRecord(f"{n}.png", "extra", None, None, "side", parts=BOXES, roles={"a": r}) for n, r in ROLES_OF_XY
    ]
    assert only(report_of([*TRAIN, *withheld])).what == "sets of identical images"


def test_a_query_and_gallery_pair_by_role_is_by_design_in_its_own_test_set_only(
    report_of: ReportOf, tmp_path: Path
) -> None:
    duplicate(tmp_path, "q1.png", "g0.png")
    pair = [replace(TEST[0], roles={"a": "query"}), replace(TEST[0], path="g0.png", roles={"a": "gallery"})]
    other = replace(TEST[1], roles={"a": "gallery", "b": "gallery"})
    assert only(report_of([*TRAIN, *pair, other])).level == "note"
    pair[1] = replace(pair[1], roles={"b": "gallery"})
    assert only(report_of([*TRAIN, *pair, other])).level == "warning"


def test_identical_images_of_two_vehicles_are_an_error(report_of: ReportOf, tmp_path: Path) -> None:
    duplicate(tmp_path, "t1.png", "t3.png")
    others = [replace(TRAIN[0], path=f"t{n}.png", vehicle_id="9") for n in (3, 4)]
    finding = only(report_of([*CLEAN, *others]))
    assert (finding.level, finding.what) == ("error", "sets of identical images that carry different vehicles")
    assert finding.examples == ("t1.png (train, vehicle 1, camera c1) = t3.png (train, vehicle 9, camera c1)",)


def test_a_training_image_that_is_tested_on_is_an_error(report_of: ReportOf, tmp_path: Path) -> None:
    duplicate(tmp_path, "t1.png", "g2.png")
    report = report_of([*CLEAN, replace(TRAIN[0], path="g2.png", split="gallery")])
    assert [finding.section for finding in report.findings] == ["duplicates", "vehicles"]
    assert report.findings[0].what == "sets of identical images that are both trained on and tested on"


def test_a_training_image_that_is_tested_on_under_other_bytes_is_a_note(report_of: ReportOf, tmp_path: Path) -> None:
    save(tmp_path / "t1.png", 50)
    cv2.imwrite(str(tmp_path / "g1.bmp"), cv2.imread(str(tmp_path / "t1.png")))
    finding = only(report_of([*CLEAN, replace(TEST[1], path="g1.bmp")]))
    assert (finding.level, finding.count) == ("note", 1)
    assert finding.examples == ("g1.bmp (gallery, vehicle 2, camera c2) like t1.png (train, vehicle 1, camera c1)",)


def test_other_copies_are_a_warning_and_long_sets_are_shortened(report_of: ReportOf, tmp_path: Path) -> None:
    for n in range(3, 7):
        duplicate(tmp_path, "t1.png", f"t{n}.png")
    finding = only(report_of([*CLEAN, *(replace(TRAIN[0], path=f"t{n}.png") for n in range(3, 7))]))
    assert (finding.level, finding.count) == ("warning", 1)
    assert finding.examples == ("t1.png = t3.png = t4.png = 2 more",)


def test_an_image_that_is_both_is_no_match_of_its_own(report_of: ReportOf) -> None:
    alone = ImageRecord("b.png", "query", "3", "c1", "side", parts=BOXES, roles={"a": "both"})
    tested = [replace(record, roles={"a": record.split}) for record in TEST]
    finding = only(report_of([*TRAIN, *tested, alone]))
    assert (finding.what, finding.examples) == (
        "queries of test set a whose vehicle has no other image in the gallery",
        ("b.png",),
    )
    second = replace(alone, path="b2.png", camera_id="c2")
    assert report_of([*TRAIN, *tested, alone, second]).findings == []


def test_queries_that_lose_all_matches_are_told_from_those_without_any(report_of: ReportOf) -> None:
    extra = [
        ImageRecord("q2.png", "query", "3", "c1", "side", parts=BOXES),
        ImageRecord("q3.png", "query", "4", "c1", "side", parts=BOXES),
        ImageRecord("g3.png", "gallery", "4", "c1", "side", parts=BOXES),
    ]
    absent, alone = report_of([*CLEAN, *extra]).findings
    assert (absent.what, absent.examples) == (
        "queries of test set test whose vehicle has no other image in the gallery",
        ("q2.png",),
    )
    assert (alone.what, alone.examples) == (
        "queries of test set test whose vehicle no other camera shows",
        ("q3.png (camera c1)",),
    )
    assert (absent.level, alone.level) == ("warning", "warning")


def test_an_unknown_camera_is_never_the_query_s_own(report_of: ReportOf) -> None:
    finding = only(report_of([*TRAIN, TEST[0], replace(TEST[1], camera_id=None)]))
    assert (finding.level, finding.what, finding.examples) == ("warning", "images without camera", ("g1.png",))


def test_a_data_set_without_any_camera_is_only_noted(report_of: ReportOf) -> None:
    finding = only(report_of([replace(record, camera_id=None) for record in CLEAN]))
    assert (finding.level, finding.count) == ("note", 4)
    assert "removes nothing" in finding.advice


def test_queries_without_a_match_are_found_without_any_camera(report_of: ReportOf) -> None:
    records = [replace(record, camera_id=None) for record in [*CLEAN, replace(TEST[0], path="q2.png", vehicle_id="3")]]
    assert [(finding.level, finding.examples) for finding in report_of(records).findings] == [
        ("note", ("t1.png", "t2.png", "q1.png")),
        ("warning", ("q2.png",)),
    ]


def test_images_without_identity_need_no_camera(report_of: ReportOf) -> None:
    assert report_of([*CLEAN, ImageRecord("x.png", "extra", viewpoint="front", parts=BOXES)]).findings == []


def test_missing_viewpoints_and_parts_are_notes_by_split(report_of: ReportOf) -> None:
    bare = [replace(record, viewpoint=None, parts=None) for record in CLEAN]
    trained, measured, parts = report_of([*bare, replace(TRAIN[0], path="t3.png")]).findings
    assert {finding.level for finding in (trained, measured, parts)} == {"note"}
    assert (trained.count, trained.examples) == (2, ("2 of 3 in train, for example t1.png",))
    assert "SPAN's training leaves them out" in trained.advice
    assert measured.examples == ("1 of 1 in query, for example q1.png", "1 of 1 in gallery, for example g1.png")
    assert (parts.count, parts.what) == (4, "of 5 images without part annotation")


def test_boxes_drawn_on_another_size_are_an_error(report_of: ReportOf) -> None:
    wrong = replace(TRAIN[0], path="t3.png", parts=replace(BOXES, size=(20, 31)))
    finding = only(report_of([*CLEAN, wrong]))
    assert (finding.level, finding.examples) == ("error", ("t3.png: 30 x 20 pixels, boxes drawn on 31 x 20",))


def test_a_table_that_prepare_refuses_is_an_error_beside_the_other_findings(report_of: ReportOf) -> None:
    report = report_of([*CLEAN, replace(TRAIN[0], path="t3.png", viewpoint="top")])
    assert only(report).section == "table"
    assert "viewpoints not among" in only(report).examples[0]
    assert report.counts[0].images == 3


def test_what_the_adapter_refuses_is_the_one_finding(values: PrepareParams, tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text("path,split,vehicle_id,camera_id,viewpoint\na.png,training,1,,\n")
    finding = only(check_data_set(tmp_path, values))
    assert (finding.level, finding.section) == ("error", "table")
    assert "line 2, column split: expected one of" in finding.examples[0]
    assert "no such folder" in only(check_data_set(tmp_path / "absent", values)).examples[0]


def test_a_path_that_leaves_the_folder_is_a_finding(report_of: ReportOf, tmp_path: Path) -> None:
    save(tmp_path.parent / "outside.png", 1)
    assert "must stay inside" in only(report_of([ImageRecord("../outside.png", "extra")])).examples[0]


def test_a_copy_that_lacks_some_of_a_benchmark_is_a_warning(
    report_of: ReportOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"train": Size(2, 1), "test: query": Size(1, 1), "test: gallery": Size(2, None)}
    small = replace(ADAPTERS["veri776"], benchmark=Benchmark("VeRi-776", sizes))
    monkeypatch.setitem(ADAPTERS, "veri776", small)
    report = report_of(CLEAN, adapter="veri776")
    assert (only(report).level, only(report).examples) == ("warning", ("gallery: 1 images, officially 2",))
    assert [(row.official_images, row.official_vehicles) for row in report.counts] == [(2, 1), (1, 1), (2, None)]


def test_another_data_set_in_a_benchmark_s_layout_is_only_noted(report_of: ReportOf) -> None:
    report = report_of(CLEAN, adapter="veri776")
    assert (only(report).level, only(report).count) == ("note", 6)
    assert "another data set in VeRi-776's layout" in only(report).advice


def test_a_test_set_of_the_benchmark_that_is_absent_is_counted_as_empty(report_of: ReportOf) -> None:
    tested = [replace(record, split="test", roles={"small": "drawn"}) for record in TEST]
    report = report_of([*TRAIN, *tested], adapter="vehicleid")
    rows = {row.name: (row.vehicles, row.official_vehicles) for row in report.counts}
    assert rows["small: drawn"] == (1, 800)
    assert rows["large: drawn"] == (0, 2_400)


def text_of(report: Report) -> list[str]:
    return ["".join(text for text, _ in line) for line in report_lines(report)]


def test_the_report_aligns_its_columns_and_separates_thousands() -> None:
    findings = [Finding("images", "error", 12_345, "images that are not on disk", ("a.jpg", "b.jpg"), "Copy. " * 30)]
    counts = [check.CountRow("train", 37_778, 576, 20, 37_778, None), check.CountRow("query", 5, 4, 3, None, None)]
    lines = text_of(Report("VeRi-776", counts, findings, ["one remark"]))
    assert "  train   37,778        576        20              37,778          -" in lines
    assert "  query        5          4         3                   -          -" in lines
    assert "  error      12,345  images that are not on disk" in lines
    assert "                     - a.jpg" in lines
    assert max(len(line) for line in lines) <= 100
    assert lines[-1] == "1 error, 0 warnings, 0 notes: the data set cannot be used as it is"


def test_a_table_that_cannot_be_read_claims_no_check_of_the_rest() -> None:
    lines = text_of(Report(None, [], [Finding("table", "error", 1, "table that cannot be read", ("x",), "Do.")], []))
    assert "Table" in lines
    assert "Duplicates" not in lines
    assert "  nothing to report" not in lines
