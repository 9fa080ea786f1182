import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.files import (
    DamagedFileError,
    atomic,
    atomic_directory,
    digest_of,
    file_digest,
    read_csv,
    read_json,
    write_csv,
    write_json,
)

REPOSITORY = Path(__file__).parents[2]
HAMMER = """
import os, sys, time
from pathlib import Path
from pipeline.store.files import atomic

target, log = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
sys.stdin.readline()
end = time.monotonic() + 1.5
while time.monotonic() < end:
    try:
        with atomic(target) as temporary:
            os.write(log, b"in ")
            temporary.write_text("mine")
            os.write(log, b"out ")
    except RuntimeError:
        pass
"""
"""Takes the lock of the first argument as often as it can, and notes in the second when it has it."""


def fail(path: Path) -> None:
    path.write_text("half")
    raise ZeroDivisionError


def visible(folder: Path) -> list[str]:
    """Names in a folder but those of locks, which Git and DVC ignore."""
    return [path.name for path in folder.iterdir() if not path.match(".*.lock")]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        fail(temporary)
    assert path.read_text() == "old"
    assert visible(path.parent) == ["file.txt"]


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
    assert visible(tmp_path) == ["directory"]


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    for name, wanted in (("there", "old"), ("new", None)):
        target, link = tmp_path / "elsewhere" / name, tmp_path / f"{name}.txt"
        target.parent.mkdir(exist_ok=True)
        if wanted is not None:
            target.write_text(wanted)
        link.symlink_to(target)
        with atomic(link) as temporary:
            temporary.write_text("mine")
        assert link.is_symlink()
        assert target.read_text() == "mine"
    (tmp_path / "elsewhere/folder").mkdir()
    (folder := tmp_path / "folder").symlink_to(tmp_path / "elsewhere/folder")
    with atomic_directory(folder) as temporary:
        (temporary / "file").touch()
    assert folder.is_symlink()
    assert os.listdir(tmp_path / "elsewhere/folder") == ["file"]


def test_a_link_into_the_cache_of_dvc_is_replaced_and_the_cache_left_alone(tmp_path: Path) -> None:
    cached, link = tmp_path / "cache/files/md5/0a" / ("1b" * 15), tmp_path / "metrics.json"
    cached.parent.mkdir(parents=True)
    cached.write_text("shared")
    link.symlink_to(cached)
    with atomic(link) as temporary:
        temporary.write_text("mine")
    assert cached.read_text() == "shared"
    assert not link.is_symlink()
    assert link.read_text() == "mine"


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device"])
def test_what_is_no_file_is_neither_replaced_nor_written(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "there"
    {"a folder": path.mkdir, "a pipe": lambda: os.mkfifo(path), "a device": lambda: path.symlink_to("/dev/null")}[
        kind
    ]()
    with pytest.raises(ValueError, match=f"there: expected a regular file, got {kind}"), atomic(path):
        pytest.fail("nothing is to be made for it")
    (tmp_path / "file.txt").write_text("mine")
    message = r"file\.txt: expected a folder, or a name that is free; got a file"
    with pytest.raises(ValueError, match=message), atomic_directory(tmp_path / "file.txt"):
        pytest.fail("nothing is to be made for it")
    assert sorted(os.listdir(tmp_path)) == ["file.txt", "there"]


@pytest.mark.parametrize("write", [atomic, atomic_directory])
def test_a_place_that_takes_no_file_is_named_with_the_reason(tmp_path: Path, write: Any) -> None:
    (tmp_path / "file.txt").touch()
    for path, reason in (
        (tmp_path / "file.txt/below/it", r"cannot be written: .*file\.txt is no folder|Not a directory"),
        (tmp_path / ("x" * 252), "File name too long"),
    ):
        with pytest.raises((OSError, ValueError), match=reason) as caught, write(path):
            pytest.fail("nothing is to be made for it")
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("closed", ["folder", ".file.txt.lock"])
def test_a_closed_folder_or_lock_is_not_taken_for_another_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    path = tmp_path / "folder/file.txt"
    path.parent.mkdir()
    path.with_name(".file.txt.lock").touch()
    monkeypatch.setattr(os, "access", lambda asked, mode: Path(asked).name != closed)
    with pytest.raises(PermissionError, match=rf"file\.txt: cannot be written: no permission for .*{closed}"):
        atomic(path).__enter__()


def test_a_second_writer_of_the_same_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    code = f"from pathlib import Path; from pipeline.store.files import atomic; atomic(Path({str(path)!r})).__enter__()"
    with atomic(path) as temporary:
        temporary.write_text("mine")
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert second.returncode != 0
    assert "another process is writing it" in second.stderr
    assert path.read_text() == "mine"


def test_never_two_of_many_processes_hold_one_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    command = [sys.executable, "-c", HAMMER, str(tmp_path / "file.txt"), str(log)]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    writers = [subprocess.Popen(command, text=True, cwd=REPOSITORY, **pipes) for _ in range(6)]
    for writer in writers:  # all wait for this line, so that none is done before the last began
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    errors = [writer.communicate()[1] for writer in writers]
    noted = log.read_text().split()
    assert len(noted) > 20
    assert noted == ["in", "out"] * (len(noted) // 2)
    assert errors == [""] * len(writers)


def test_a_second_block_of_the_same_process_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with atomic(path) as temporary:
        temporary.write_text("mine")
        with pytest.raises(RuntimeError, match="another process is writing it"), atomic(path):
            pass
        assert temporary.read_text() == "mine"
    assert path.read_text() == "mine"


def test_a_refused_writer_may_write_once_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    with atomic_directory(path), pytest.raises(RuntimeError, match="another process"), atomic_directory(path):
        pass
    with atomic_directory(path) as temporary:
        (temporary / "file").touch()
    assert os.listdir(path) == ["file"]


def test_no_lock_is_left_inside_a_directory(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "directory") as temporary:
        (temporary / "deep").mkdir()
        for name in ("a.json", "deep/b.json"):
            write_json(temporary / name, {})
    assert sorted(path.name for path in (tmp_path / "directory").rglob("*")) == ["a.json", "b.json", "deep"]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match=r"file\.txt: its file system has no file locks"), atomic(tmp_path / "file.txt"):
        pass


def test_git_and_dvc_ignore_locks() -> None:
    for name in (".gitignore", ".dvcignore"):
        assert ".*.lock" in (REPOSITORY / name).read_text().splitlines()


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


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"mAP": 0.', "expected JSON, found none"),
        (b"\xff\xfe", "expected JSON, found none"),
        (b"[1]", r"expected a JSON object, found \[1\]"),
        (b'{"CMC": 1}', "expected the key 'mAP', found CMC"),
    ],
)
def test_a_damaged_json_file_is_named(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(DamagedFileError, match=rf"metrics\.json: {found}"):
        read_json(tmp_path / "metrics.json", "mAP")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "line 1: expected column 'rank', found none"),
        (b"place,rate\n1,2\n", "line 1: expected column 'rank', found place, rate"),
        (b"rank,rate\n1,2\n3\n", "line 3: expected 2 cells"),
        (b"rank,rate\n1,2,3\n", "line 2: expected 2 cells"),
        (b'rank,rate\n1,2\n3,"4\n5\n', "line 3: not CSV in UTF-8"),
        (b"rank,rate\n1,2\n\xff,2\n", "line 3: not CSV in UTF-8"),
    ],
)
def test_a_damaged_table_is_named_with_the_line(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "cmc.csv").write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"cmc\.csv, line \d: ") as caught:
        read_csv(tmp_path / "cmc.csv", "rank")
    assert found in str(caught.value)


def test_a_digest_ignores_the_order_of_keys_and_nothing_else(tmp_path: Path) -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    assert digest_of({"a": 1, "b": [1, 2]}) != digest_of({"a": 1, "b": [2, 1]})
    (tmp_path / "empty").write_bytes(b"")
    assert file_digest(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
