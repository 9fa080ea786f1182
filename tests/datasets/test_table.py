from pathlib import Path

import pytest

from pipeline.datasets.records import ImageRecord, check_records
from pipeline.datasets.sources import table
from pipeline.datasets.sources.table import TableParams

HEADER = "path,split,vehicle_id,camera_id,viewpoint,source\n"


def written(root: Path, text: str, encoding: str = "utf-8") -> TableParams:
    (root / "images.csv").write_text(text, encoding=encoding)
    return TableParams("images.csv")


def test_rows_become_records_in_their_order(tmp_path: Path) -> None:
    text = HEADER + "b/2.jpg,train,7,c1,rear-side,x\na.png, query ,8,,,\n\n3.jpg,extra,,,2,y\n"
    found = table.read(tmp_path, written(tmp_path, text))
    assert found.records == [
        ImageRecord("b/2.jpg", "train", "7", "c1", "rear-side", {"source": "x"}),
        ImageRecord("a.png", "query", "8", None, None, {"source": ""}),
        ImageRecord("3.jpg", "extra", None, None, "side", {"source": "y"}),
    ]
    assert found.remarks == []


@pytest.mark.parametrize(
    ("cell", "viewpoint"), [("0", "front"), ("1", "rear"), ("2", "side"), ("3", "front-side"), ("4", "rear-side")]
)
def test_codes_follow_spans_table(tmp_path: Path, cell: str, viewpoint: str) -> None:
    found = table.read(tmp_path, written(tmp_path, f"{HEADER}a.jpg,extra,,,{cell},\nb.jpg,extra,,,{viewpoint},\n"))
    assert [record.viewpoint for record in found.records] == [viewpoint, viewpoint]


def test_columns_may_come_in_any_order_after_a_byte_order_mark_and_cells_may_be_quoted(tmp_path: Path) -> None:
    text = 'viewpoint,camera_id,path,vehicle_id,split\nfront,"c,1","a ""1"".jpg",ö,gallery\n'
    found = table.read(tmp_path, written(tmp_path, text, "utf-8-sig"))
    assert found.records == [ImageRecord('a "1".jpg', "gallery", "ö", "c,1", "front", {})]


def test_one_file_may_be_query_and_gallery_image(tmp_path: Path) -> None:
    rows = ("a.jpg,both,7,c1,,", "b.jpg,gallery,7,c2,,", "c.jpg,query,7,c2,,", "d.jpg,train,8,,,", "e.jpg,extra,,,,")
    found = table.read(tmp_path, written(tmp_path, HEADER + "\n".join(rows))).records
    assert [record.split for record in found] == ["gallery", "gallery", "query", "train", "extra"]
    assert [record.roles for record in found] == [{"test": "both"}, {"test": "gallery"}, {"test": "query"}, {}, {}]
    check_records(found, "table")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c.jpg,val,7,c1,front,", "line 3, column split: expected one of train, .*, withheld, both, got 'val'"),
        ("c.jpg,train,,c1,front,", "line 3, column vehicle_id: split train needs an identity"),
        ("c.jpg,train,7,c1,5,", "line 3, column viewpoint: expected one of front, .* code 0 to 4, got '5'"),
        ("a.jpg,train,7,c1,front,", r"line 3, column path: 'a.jpg' is on line 2 too"),
        (",train,7,c1,front,", "line 3, column path: expected a plain path"),
        ("b\\a.jpg,train,7,c1,front,", r"line 3, column path: expected folders separated by /.*write 'b/a\.jpg'"),
        ("c\0.jpg,train,7,c1,front,", "line 3: a cell holds a NUL|not a CSV file"),
        ("/a.jpg,train,7,c1,front,", "line 3, column path: expected a plain path"),
        ("../a.jpg,train,7,c1,front,", "line 3, column path: expected a plain path"),
        ("./a.jpg,train,7,c1,front,", "line 3, column path: expected a plain path"),
        ("c.jpg,train,7", "line 3: expected 6 cells as in the header, got 3"),
        ("c.jpg,train,7,c1,front,x,y", "line 3: expected 6 cells as in the header, got 7"),
        ('"c.jpg,train\nd.jpg', "line 3: not a CSV file in UTF-8"),
    ],
)
def test_a_wrong_cell_is_named_by_file_line_and_column(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"images\.csv.*{message}"):
        table.read(tmp_path, written(tmp_path, f"{HEADER}a.jpg,train,7,c1,front,\n{row}\n"))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,split,vehicleID,camera_id,viewpoint", "line 1: column 'vehicle_id' is missing"),
        ("path,split,vehicle_id,camera_id,viewpoint,", "line 1: every column needs a name of its own"),
        ("path,split,vehicle_id,camera_id,viewpoint,x,x", "line 1: every column needs a name of its own"),
        ("", "line 1: column 'path' is missing"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table.read(tmp_path, written(tmp_path, f"{header}\n"))


def test_another_encoding_is_refused_with_the_files_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"images\.csv, line 3: not a CSV file in UTF-8"):
        table.read(tmp_path, written(tmp_path, f"{HEADER}a.jpg,extra,,,,\nä.jpg,extra,,,,\n", "latin-1"))
