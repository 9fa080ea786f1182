import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.store.files import atomic, atomic_directory, digest_of, file_digest, write_csv, write_json


def fail(path: Path) -> None:
    path.write_text("half")
    raise ZeroDivisionError


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        fail(temporary)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_file_is_replaced_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_directory_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    for name in ("old", "new"):
        with atomic_directory(path) as temporary:
            (temporary / name).write_text(name)
    assert os.listdir(path) == ["new"]
    with pytest.raises(ZeroDivisionError), atomic_directory(path) as temporary:
        fail(temporary / "half")
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["directory"]


def test_a_second_writer_of_the_same_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    code = f"from pathlib import Path; from pipeline.store.files import atomic; atomic(Path({str(path)!r})).__enter__()"
    with atomic(path) as temporary:
        temporary.write_text("mine")
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert second.returncode != 0
    assert "another process is writing it" in second.stderr
    assert path.read_text() == "mine"


def test_json_is_sorted_and_refuses_what_json_cannot_say(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"b": 1, "a": [0.5]})
    assert path.read_text() == json.dumps({"a": [0.5], "b": 1}, indent=2) + "\n"
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": [0.5], "b": 1}


def test_csv_leaves_absent_cells_empty(tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv", [{"a": 1, "b": 2}, {"b": 3}], ["a", "b"])
    assert (tmp_path / "rows.csv").read_bytes() == b"a,b\n1,2\n,3\n"


def test_a_digest_ignores_the_order_of_keys_and_nothing_else(tmp_path: Path) -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    assert digest_of({"a": 1, "b": [1, 2]}) != digest_of({"a": 1, "b": [2, 1]})
    (tmp_path / "empty").write_bytes(b"")
    assert file_digest(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
