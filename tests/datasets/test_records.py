from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.records import ImageRecord, check_records, project_path, roles_by_test_set, table_digest
from pipeline.store.boxes import PartBoxes

RECORD = ImageRecord("a.jpg", "train", "1", "c1", "front", {"source": "x"})


def parts(*boxes: tuple[float, float, float, float], label: int = 3) -> PartBoxes:
    return PartBoxes(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), label, np.uint8))


def test_a_sound_table_passes() -> None:
    extra = ImageRecord("b.jpg", "extra", groups={"source": ""}, parts=parts((0, 0, 1, 1)))
    withheld = ImageRecord("d.jpg", "withheld", groups={"source": ""}, roles={"official": "query"})
    check_records([RECORD, extra, withheld, replace(RECORD, path="c.jpg", parts=parts())], "set")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "a.jpg"}, "1 paths listed more than once, for example a.jpg"),
        ({"path": "b\udce9.jpg"}, r"1 paths that are not in UTF-8, for example 'b\\udce9\.jpg'"),
        ({"split": "val"}, r"1 splits not among .* for example b.jpg \(val\)"),
        ({"viewpoint": "top"}, r"1 viewpoints not among .* for example b.jpg \(top\)"),
        ({"vehicle_id": None}, "1 images without a vehicle_id, for example b.jpg"),
        ({"vehicle_id": ""}, "1 images without a vehicle_id, for example b.jpg"),
        ({"split": "query", "roles": {"small": "probe"}}, r"1 roles not among .* for example b.jpg \(probe\)"),
        ({"roles": {"small": "query"}}, r"1 training images in a test set, for example b.jpg \(small\)"),
        ({"groups": {}}, "different group columns"),
        ({"parts": parts((0.5, 0, 0.5, 1))}, "1 ill-formed parts, for example b.jpg"),
        ({"parts": parts((0, 0, 1.01, 1))}, "1 ill-formed parts"),
        ({"parts": parts((0, 0, float("nan"), 1))}, "1 ill-formed parts"),
        ({"parts": parts((0, 0, 1, 1), label=16)}, "1 ill-formed parts"),
        ({"parts": PartBoxes(np.zeros((1, 4), np.float32), np.zeros(0, np.uint8))}, "1 ill-formed parts"),
    ],
)
def test_an_offender_is_named(change: dict[str, object], message: str) -> None:
    offender = replace(replace(RECORD, path="b.jpg"), **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"set: .*{message}"):
        check_records([RECORD, offender], "set")


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="set: no images found"):
        check_records([], "set")


def test_many_offenders_are_counted_and_three_shown() -> None:
    with pytest.raises(ValueError, match=r"5 splits .* for example 0 \(x\), 1 \(x\), 2 \(x\)$"):
        check_records([ImageRecord(str(index), "x") for index in range(5)], "set")


@pytest.mark.parametrize(
    "change",
    [
        {"path": "b.jpg"},
        {"split": "query"},
        {"roles": {"small": "query"}},
        {"vehicle_id": "2"},
        {"camera_id": None},
        {"viewpoint": "rear"},
        {"groups": {"source": "y"}},
        {"parts": parts()},
        {"parts": parts((0, 0, 1, 1))},
    ],
)
def test_the_digest_depends_on_every_column(change: dict[str, object]) -> None:
    assert table_digest([RECORD], ["d"]) != table_digest([replace(RECORD, **change)], ["d"])  # type: ignore[arg-type]


def test_the_digest_depends_on_content_and_order() -> None:
    other = replace(RECORD, path="b.jpg")
    assert table_digest([RECORD, other], ["d", "e"]) == table_digest([RECORD, other], ["d", "e"])
    assert table_digest([RECORD, other], ["d", "e"]) != table_digest([RECORD, other], ["d", "f"])
    assert table_digest([RECORD, other], ["d", "e"]) != table_digest([other, RECORD], ["e", "d"])


def test_a_path_must_stay_inside_its_folder() -> None:
    assert project_path(Path("/set"), "a/b.jpg") == Path("/set/a/b.jpg")
    for outside in ("/a.jpg", "../a.jpg", "a/../../b.jpg"):
        with pytest.raises(ValueError, match="must stay inside"):
            project_path(Path("/set"), outside)


def test_a_table_without_named_test_sets_has_one_by_its_splits() -> None:
    splits = ("train", "query", "gallery", "test", "extra")
    records = [ImageRecord(split, split, "1") for split in splits]
    assert roles_by_test_set(records) == {"test": ["", "query", "gallery", "drawn", ""]}
    assert roles_by_test_set(records[:1]) == {}


def test_named_test_sets_keep_their_order_and_leave_other_images_out() -> None:
    records = [
        ImageRecord("a", "query", "1", roles={"small": "query", "large": "both"}),
        ImageRecord("b", "gallery", "1", roles={"large": "gallery"}),
    ]
    assert list(roles_by_test_set(records).items()) == [("small", ["query", ""]), ("large", ["both", "gallery"])]
