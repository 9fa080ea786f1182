import os
import socket
from pathlib import Path

import pytest

from pipeline.datasets.folder import check_regular, listing
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import inspect_files
from pipeline.datasets.records import ImageRecord, readers_of


def test_files_and_links_to_files_are_listed_and_hidden_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "set/a").mkdir(parents=True)
    (tmp_path / "cache.jpg").write_bytes(b"123")
    (tmp_path / "set/a/link.jpg").symlink_to(tmp_path / "cache.jpg")
    (tmp_path / "set/table.csv").write_text("x")
    (tmp_path / "set/.table.csv.lock").write_text("")
    (tmp_path / "set/broken.jpg").symlink_to(tmp_path / "absent")
    found = listing(tmp_path / "set")
    assert {name: size for name, (_, size) in found.items()} == {"a/link.jpg": 3, "table.csv": 1}
    check_regular(tmp_path / "set")
    assert listing(tmp_path / "absent") == {}


def test_an_edit_of_any_file_gives_another_listing(tmp_path: Path) -> None:
    (tmp_path / "viewpoints.csv").write_text("image,viewpoint\n")
    before = listing(tmp_path)
    with open(tmp_path / "viewpoints.csv", "a") as stream:
        stream.write("a.jpg,front\n")
    assert listing(tmp_path) != before


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "socket"])
def test_what_is_no_regular_file_is_refused_by_name_and_never_opened(tmp_path: Path, kind: str) -> None:
    odd = tmp_path / "odd.jpg"
    if kind == "pipe":
        os.mkfifo(odd)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(odd))
    else:
        odd.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"odd\.jpg: expected a regular file"):
        check_regular(tmp_path)
    record = ImageRecord("odd.jpg", "train", "1", "1")
    inspected = inspect_files(
        readers_of([record], tmp_path, {}, "anywhere"), ImageLimitsParams(10_000, 8, "stop"), lambda items, _: items
    )
    assert inspected["odd.jpg"].refusal.startswith(f"{odd}: expected a regular file, got ")
