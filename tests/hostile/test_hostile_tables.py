import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.annotations.viewpoints import read_viewpoints
from pipeline.datasets.formats.csv_table import read_csv
from pipeline.datasets.formats.lists import read_list
from tests.hostile.hostile_sets import FUZZED, HEADER, picture, prepared, read_or_refused, write_good, write_table

BROKEN: dict[str, bytes] = {
    "empty": b"",
    "header_alone": f"{HEADER}\n".encode(),
    "no_header": b"good.png,extra,,,\n",
    "column_missing": b"path,split,vehicle_id,camera_id\ngood.png,extra,,\n",
    "column_twice": f"{HEADER},path\ngood.png,extra,,,,x\n".encode(),
    "column_nameless": f"{HEADER},\ngood.png,extra,,,,x\n".encode(),
    "semicolons": f"{HEADER}\ngood.png,extra,,,\n".replace(",", ";").encode(),
    "tabs": f"{HEADER}\ngood.png,extra,,,\n".replace(",", "\t").encode(),
    "short_row": f"{HEADER}\ngood.png,extra\n".encode(),
    "long_row": f"{HEADER}\ngood.png,extra,,,,,\n".encode(),
    "open_quote": f'{HEADER}\n"good.png,extra,,,\n'.encode(),
    "twice": f"{HEADER}\ngood.png,extra,,,\ngood.png,extra,,,\n".encode(),
    "nul": f"{HEADER}\ngood.png,extra,,\0,\n".encode(),
    "latin": f"{HEADER}\ngüt.png,extra,,,\n".encode("latin-1"),
    "utf16": f"{HEADER}\ngood.png,extra,,,\n".encode("utf-16"),
    "binary": bytes(range(256)),
    "split_nan": f"{HEADER}\ngood.png,nan,,,\n".encode(),
    "split_unknown": f"{HEADER}\ngood.png,val,1,,\n".encode(),
    "split_upper": f"{HEADER}\ngood.png,Train,1,,\n".encode(),
    "no_vehicle": f"{HEADER}\ngood.png,train,,,\n".encode(),
    "viewpoint_nan": f"{HEADER}\ngood.png,extra,,,nan\n".encode(),
    "viewpoint_number": f"{HEADER}\ngood.png,extra,,,7\n".encode(),
    "viewpoint_fraction": f"{HEADER}\ngood.png,extra,,,1.0\n".encode(),
    "viewpoint_negative": f"{HEADER}\ngood.png,extra,,,-1\n".encode(),
    "cell_too_long": f"{HEADER}\n{'a' * 200_000},extra,,,\n".encode(),
    "json": b'{"images": []}',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_table_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    write_good(tmp_path / "raw")
    (tmp_path / "raw" / "images.csv").write_bytes(BROKEN[kind])
    with pytest.raises(ValueError, match=rf"{tmp_path / 'raw'}"):
        prepared(tmp_path / "raw")


@pytest.mark.parametrize("vehicle", ["nan", "NaN", "1e999", "-1", "=cmd|' /C calc'!A0", "<b>", "ö", "0" * 300])
def test_an_odd_vehicle_is_a_vehicle(tmp_path: Path, vehicle: str) -> None:
    write_table(tmp_path / "raw", [f"good.png,train,{vehicle},{vehicle},"])
    (tmp_path / "raw" / "good.png").write_bytes(picture())
    assert prepared(tmp_path / "raw") == ["good.png"]


def test_a_million_rows_are_read_in_time(tmp_path: Path) -> None:
    write_table(tmp_path, [f"{number},extra,,," for number in range(1_000_000)])
    assert sum(1 for _ in read_csv(tmp_path / "images.csv", ("path",))) == 1_000_000


@FUZZED
@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    read_or_refused(lambda path: list(read_csv(path, ("path",))), tmp_path / "t.csv")
    read_or_refused(lambda path: list(read_viewpoints(path)), tmp_path / "t.csv")


@FUZZED
@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=5))
def test_any_cells_are_rows_or_are_refused(tmp_path: Path, rows: list[list[str]]) -> None:
    with open(tmp_path / "t.csv", "w", newline="", encoding="utf-8", errors="replace") as stream:
        csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["image", "viewpoint"], *rows])
    found = read_or_refused(lambda path: list(read_csv(path, ("image", "viewpoint"))), tmp_path / "t.csv")
    assert found is None or len(found) == len(rows)


@FUZZED
@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "l.txt").write_bytes(content)
    read_or_refused(lambda path: read_list(path, "NAME VEHICLE [CAMERA]"), tmp_path / "l.txt")
