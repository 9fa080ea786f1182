from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from drawn_vehicles import TinyData, rewrite_cache
from search_example import search_for
from tiny_run import MODELS

from pipeline.artifacts.parts import Detections, write_parts
from pipeline.search.fitting import load_params
from pipeline.search.page import Search
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.files import digest_of

KINDS = {"baseline": (), "pgan": ("parts",), "span_cpdm": ("part_masks",)}


def without_orientation(run: TinyData, model: str) -> None:
    """Delete all that is only shown."""
    files = {"parts": (run.path("parts"), run.path("detector"))}
    files["part_masks"] = (run.path("part_masks"), run.path("span"))
    for kind in set(files) - set(KINDS[model]):
        for path in files[kind]:
            path.unlink()


def parts_by_another_detector(run: TinyData) -> None:
    """Write the part cache anew, with what another detector would find."""
    detection = load_params(run.workspace()).detection
    shape = (len(run.store), detection.max_parts)
    boxes = np.broadcast_to(np.array([0, 0, 0.5, 0.5], np.float32), (*shape, 4))
    found = Detections(boxes, np.zeros(shape, np.uint8), np.ones(shape, np.float32))
    made_by = {"detector": "f" * 64, "params": digest_of(asdict(detection))}
    write_parts(run.path("parts"), run.store.digest, len(run.store), detection.max_parts, [found], made_by)


def kinds_of(found: Search) -> tuple[bool, bool, list[str]]:
    """Whether the query images have boxes and masks, and the kinds that found images have."""
    seen = found.described.shown
    return seen.parts is not None, seen.masks is not None, list(found.shown.caches)


@pytest.mark.parametrize("model", MODELS)
def test_showing_more_does_not_change_a_bit_of_what_is_compared(
    finished_run: TinyData, tmp_path: Path, model: str
) -> None:
    files = [finished_run.file(row) for row in (7, 4, 6)]
    more = search_for(finished_run, model, *files)
    run = finished_run.copy(tmp_path / "run")
    without_orientation(run, model)
    less = search_for(run, model, *files)
    assert kinds_of(more) == (True, True, ["parts", "part_masks"])
    assert kinds_of(less) == ("parts" in KINDS[model], "part_masks" in KINDS[model], list(KINDS[model]))
    for name in ("features", "area_ratios"):
        former, latter = getattr(less.described, name), getattr(more.described, name)
        assert former.tobytes() == latter.tobytes()
    assert len(less.matches) == len(more.matches) == 3
    for former, latter in zip(less.matches, more.matches, strict=True):
        assert former.positions.tolist() == latter.positions.tolist()
        assert former.distances.tobytes() == latter.distances.tobytes()


@pytest.mark.parametrize("model", MODELS)
def test_boxes_and_masks_of_asked_images_are_those_cached_for_them_whatever_the_model_reads(
    finished_run: TinyData, model: str
) -> None:
    rows = [7, 4]
    found = search_for(finished_run, model, *map(finished_run.file, rows))
    seen = found.described.shown
    assert seen.parts is not None
    assert seen.masks is not None
    with hdf5.Cache(finished_run.path("parts"), "parts/1") as cache:
        np.testing.assert_allclose(seen.parts.boxes, cache["boxes"][()][rows], atol=1e-5)
    with hdf5.Cache(finished_run.path("part_masks"), "part_masks/1") as cache:
        assert np.abs(seen.masks.astype(int) - cache["masks"][()][rows]).max() <= 1
    assert list(found.shown.caches) == ["parts", "part_masks"]
    assert tuple(found.shown.read) == KINDS[model]
    assert not found.shown.remarks


@pytest.mark.parametrize(
    ("model", "missing", "stage"),
    [
        ("baseline", "models/span.safetensors", "train_span"),
        ("pgan", "models/span.safetensors", "train_span"),
        ("baseline", "models/foreground/tiny.safetensors", "train_foreground"),
        ("baseline", "data/foreground/tiny.h5", "predict_foreground"),
        ("baseline", "data/part_masks/tiny.h5", "predict_part_masks"),
        ("baseline", "models/detector.safetensors", "train_detector"),
        ("span_cpdm", "data/parts/tiny.h5", "detect_parts"),
    ],
)
def test_a_missing_file_that_is_only_shown_leaves_its_kind_out_with_a_remark(
    finished_run: TinyData, tmp_path: Path, model: str, missing: str, stage: str
) -> None:
    run = finished_run.copy(tmp_path / "run")
    (run.root / missing).unlink()
    found = search_for(run, model, finished_run.file(7))
    no_boxes = stage in ("train_detector", "detect_parts")
    assert kinds_of(found) == ((False, True, ["part_masks"]) if no_boxes else (True, False, ["parts"]))
    (remark,) = found.shown.remarks
    assert remark.startswith(f"{'Part boxes' if no_boxes else 'View masks'} are not shown: ")
    assert f"{missing}: no such file; stage `{stage}` makes it" in remark
    assert found.gallery.rows[found.matches[0].positions].tolist() == [7, 6]


def test_parts_of_another_detector_are_left_out_where_they_are_shown_and_refused_where_they_are_read(
    finished_run: TinyData, tmp_path: Path
) -> None:
    run = finished_run.copy(tmp_path / "run")
    parts_by_another_detector(run)
    found = search_for(run, "baseline", run.file(7))
    assert kinds_of(found) == (False, True, ["part_masks"])
    (remark,) = found.shown.remarks
    assert remark.startswith("Part boxes are not shown: ")
    assert "parts/tiny.h5: made with detector ffffffffffff, expected" in remark
    with pytest.raises(ValueError, match=r"parts/tiny\.h5: made with detector f{12}, expected"):
        search_for(run, "pgan", run.file(7))


def of_other_values(run: TinyData) -> None:
    rewrite_cache(run.path("parts"), run.path("parts"), {"values": "f" * 64})


def another_table(run: TinyData) -> None:
    with hdf5_writer.create(run.path("parts"), hdf5.Header("parts/1", "e" * 64)):
        pass


def no_cache(run: TinyData) -> None:
    path = run.path("parts")
    path.unlink()
    path.write_text("no cache")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (of_other_values, "parts/tiny.h5: made by values of digest ffffffffffff, expected "),
        (another_table, "parts/tiny.h5: its rows follow the image table eeeeeeeeeeee"),
        (no_cache, "parts/tiny.h5: not a cache of this pipeline"),
    ],
)
def test_a_cache_that_does_not_fit_is_left_out_with_the_reason_in_one_line(
    finished_run: TinyData, tmp_path: Path, spoil: Callable[[TinyData], None], reason: str
) -> None:
    run = finished_run.copy(tmp_path / "run")
    spoil(run)
    found = search_for(run, "span_cpdm", run.file(7))
    (remark,) = found.shown.remarks
    assert reason in remark
    assert len(remark.splitlines()) == 1
    assert kinds_of(found) == (False, True, ["part_masks"])
