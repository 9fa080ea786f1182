import csv
import json
import os
import shutil
from pathlib import Path

import pytest
from drawn_vehicles import TinyData
from tiny_run import MODELS, invoke

from stages.search import search
from tests.datasets.filmed import write_mot, write_pictures


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("model", MODELS)
def test_a_search_prints_a_table_and_writes_one_page_and_nothing_else(
    finished_run: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run, before = finished_run, contents(finished_run.root)
    result = invoke(search, run.root, run.file(7), run.file(6), model=model)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == str(run.file(7))
    assert lines[2].split()[0] == "1"
    assert lines[2].split()[2:] == ["0004", "c2", run.file(7).name]
    assert lines[-1].startswith("search.html: ")
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["search.html"]
    assert (tmp_path / "search.html").read_text().startswith("<!doctype html>")
    assert contents(run.root) == before


def test_a_search_goes_on_without_what_is_only_shown_and_says_so(finished_run: TinyData, tmp_path: Path) -> None:
    partial = finished_run.copy(tmp_path / "run")
    span = partial.path("span")
    span.unlink()
    output = tmp_path / "found.html"
    result = invoke(search, partial.root, "--output", output, finished_run.file(6), model="baseline")
    assert result.exit_code == 0, result.output
    remark = f"View masks are not shown: {span}: no such file; stage `train_span` makes it (`dvc repro` or `dvc pull`)"
    assert result.stderr.splitlines() == [remark]
    assert result.stdout.splitlines()[0] == str(finished_run.file(6))
    assert remark in output.read_text()
    refused = tmp_path / "refused.html"
    result = invoke(search, partial.root, "--output", refused, finished_run.file(6), model="span_cpdm")
    assert result.exit_code == 1
    assert f"{span}: no such file" in result.stderr
    assert not refused.exists()


def test_options_choose_how_many_are_shown_and_where_the_page_goes(finished_run: TinyData, tmp_path: Path) -> None:
    output, file = tmp_path / "pages/found.html", finished_run.file(6)
    options = ["--top", 1, "--vehicles-once", "--output", output]
    result = invoke(search, finished_run.root, *options, file, model="baseline")
    assert result.exit_code == 0, result.output
    assert output.read_text().count('<li class="match">') == 1
    assert file.name in result.output.splitlines()[2]


def test_a_search_that_fails_says_why_in_one_line_and_writes_no_page(finished_run: TinyData, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no image")
    elsewhere = ["--root", tmp_path, "--params", finished_run.root / "params.yaml"]
    for words, message in (
        ((tmp_path / "note.txt",), f"{tmp_path / 'note.txt'}: not an image OpenCV can decode"),
        ((tmp_path / "absent.png",), f"{tmp_path / 'absent.png'}: no such image file"),
        ((*elsewhere, finished_run.file(6)), "stage `train_reid` makes it"),
    ):
        result = invoke(search, finished_run.root, "--output", tmp_path / "page.html", *words, model="baseline")
        assert result.exit_code == 1
        assert message in result.output
        assert len(result.output.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()
    assert invoke(search, finished_run.root, "--top", 0, finished_run.file(6), model="baseline").exit_code == 2


def test_all_matches_are_written_as_a_table_beside_the_page(finished_run: TinyData, tmp_path: Path) -> None:
    for name in ("found.csv", "found.json"):
        options = ["--output", tmp_path / "found.html", "--table", tmp_path / name, "--top", 1]
        result = invoke(search, finished_run.root, *options, finished_run.file(7), finished_run.file(6), model="pgan")
        assert result.exit_code == 0, result.output
    with open(tmp_path / "found.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    listed = json.loads((tmp_path / "found.json").read_text())
    assert [{key: str(value) for key, value in line.items()} for line in listed] == rows
    assert [(row["query"], row["rank"], row["path"]) for row in rows] == [
        (str(finished_run.file(row)), "1", finished_run.file(row).name) for row in (7, 6)
    ]
    result = invoke(search, finished_run.root, "--table", tmp_path / "found.xml", finished_run.file(7), model="pgan")
    assert result.exit_code == 1
    assert "expected a file name that ends with .csv or .json" in result.output
    same = ["--table", tmp_path / "same.csv", "--output", tmp_path / "same.csv"]
    result = invoke(search, finished_run.root, *same, finished_run.file(7), model="pgan")
    assert result.exit_code == 2
    assert "--output and --table: expected two files, got" in result.output


def test_names_of_files_cannot_command_a_terminal(finished_run: TinyData, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(finished_run.file(7), folder / "\x1b[2J.png")
    result = invoke(search, finished_run.root, "--output", tmp_path / "n.html", folder, folder, model="baseline")
    assert result.exit_code == 0, result.output
    assert f"{folder}/\\x1b[2J.png" in result.stdout
    assert "\x1b" not in result.output
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(finished_run.file(7).read_bytes())
    result = invoke(search, finished_run.root, "--output", tmp_path / "no.html", folder, model="baseline")
    assert result.exit_code == 1
    assert "caf\\udce9.png': expected a path in UTF-8" in result.output
    assert not (tmp_path / "no.html").exists()


def test_an_image_given_twice_is_asked_once_and_that_is_said(finished_run: TinyData, tmp_path: Path) -> None:
    file = finished_run.file(7)
    options = ["--output", tmp_path / "once.html", "--table", tmp_path / "once.csv", "--top", 1]
    result = invoke(search, finished_run.root, *options, file, file, model="baseline")
    assert result.exit_code == 0, result.output
    assert f"{file}: 1 image given before, asked once" in result.stderr
    with open(tmp_path / "once.csv", newline="") as stream:
        assert [(row["query"], row["images"]) for row in csv.DictReader(stream)] == [(str(file), "1")]


@pytest.mark.parametrize("model", MODELS)
def test_tracks_of_frames_find_tracks_of_the_gallery(finished_run: TinyData, tmp_path: Path, model: str) -> None:
    pictures, boxes = write_pictures(tmp_path / "img"), write_mot(tmp_path / "gt.txt")
    options = ["--boxes", boxes, "--format", "mot", "--tracks", "vehicle_id", "--output", tmp_path / "found.html"]
    result = invoke(search, finished_run.root, *options, pictures, model=model)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == str(pictures / "track 1")
    assert lines[1].split() == ["rank", "distance", "vehicle", "camera", "path", "track"]
    assert lines[2].split()[-1] in ("0003", "0004")
    assert lines[5] == str(pictures / "track 2")
    page = (tmp_path / "found.html").read_text()
    assert "4 images asked as one" in page
    assert "track 0003, 1 image" in page


def test_boxes_need_their_format_and_one_footage(finished_run: TinyData, tmp_path: Path) -> None:
    for words in (["--boxes", "gt.txt", "a"], ["--format", "mot", "a"], ["--boxes", "x", "--format", "mot", "a", "b"]):
        result = invoke(search, finished_run.root, *words, model="baseline")
        assert result.exit_code == 2
        assert "--boxes and --format go together" in result.output
