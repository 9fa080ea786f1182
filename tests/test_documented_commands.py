"""The commands of pages in `docs/`, run as they stand there, on parameters as they stand there."""

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import CliRunner
from drawn_vehicles import TinyData
from ruamel.yaml import YAML
from tiny_run import PROJECT, TINY, run_stage, write_params

from pipeline.datasets.adapters import PrepareParams
from pipeline.datasets.held_out import UnseenParams
from pipeline.store.params import merge, parse, read
from stages.cli import reid
from stages.embed import embed
from stages.train_reid import train_reid
from tests.datasets.filmed import SCENE, write_cvat_video, write_mot, write_pictures, write_video

TRAINED = {section: TINY[section] for section in ("train_reid", "reid_models", "embed")}


def blocks(page: str, language: str) -> list[str]:
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """Words of each `reid` command of a page, without their comments."""
    lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("reid ")]


def lay_over(root: Path, *changes: dict[str, Any]) -> None:
    with open(root / "params.yaml", encoding="utf-8") as stream:
        document = YAML(typ="safe").load(stream)
    with open(root / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(merge(document, *changes), stream)


def run(words: list[str]) -> None:
    result = CliRunner().invoke(reid, words)
    assert result.exit_code == 0, f"reid {shlex.join(words)}\n{result.output}"


def film(folder: Path) -> None:
    """Frames of three cameras, the last of which sees other vehicles."""
    write_pictures(folder / "gate/img1")
    write_mot(folder / "gate/gt.txt")
    write_video(folder / "ramp.avi")
    write_cvat_video(folder / "ramp.xml")
    for file in write_pictures(folder / "yard/img1").iterdir():
        cv2.imwrite(str(file), 255 - cv2.imread(str(file)))
    write_mot(folder / "yard/gt.txt", [drawn._replace(track=f"2{drawn.track}") for drawn in SCENE])


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the pages' data set `street`, filmed and not prepared."""
    root = tmp_path_factory.mktemp("street")
    write_params(root)
    values = [parse(text, Path("docs")) for page in ("frames.md", "tracks.md") for text in blocks(page, "yaml")]
    lay_over(root, {"overrides": {"street": TRAINED}}, *values)
    film(root / "data/raw/street")
    return root


def test_frames_become_a_data_set_and_their_tracks_are_found(street: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(street)
    for words in commands("frames.md"):
        run(words)
    assert len(list((street / "crops").rglob("*_0[12].jpg"))) == 24
    for stage in (train_reid, embed):
        run_stage(stage, street, dataset="street", model="baseline")
    shutil.copy(street / "crops/gate/000001_01.jpg", street / "photo.jpg")
    (street / "photos").mkdir()
    shutil.copy(street / "photo.jpg", street / "photos")
    shutil.copytree(street / "data/raw/street/gate", street / "new")
    for page in ("tracks.md", "searching.md"):
        for words in commands(page):
            if words[0] == "index":
                pytest.importorskip("faiss", reason="dependency group faiss")
            run(words)
    (python,) = blocks("searching.md", "python")
    exec(compile(python, "searching.md", "exec"), {})


def test_models_are_tested_across_data_sets_and_trained_on_several(
    finished_run: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of = finished_run.copy(tmp_path)
    for name in ("synthetic", "real_mini"):
        for kind in ("images", "parts", "part_masks", "reid"):
            model = "baseline" if kind == "reid" else ""
            target = TinyData(run_of.root, name).path(kind, model)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(run_of.path(kind, model), target)
    first, joint, unseen = (parse(text, Path("docs")) for text in blocks("across.md", "yaml"))
    plain = {**TRAINED, "evaluate": {"alike": None, "group_by": None}}
    own = {"overrides": dict.fromkeys(("synthetic", "real_mini", "mixed"), plain)}
    lay_over(run_of.root, own, first, joint, unseen)
    monkeypatch.chdir(run_of.root)
    for words in commands("across.md"):
        run(words)
    values = replace(run_of.workspace(), dataset="synthetic").load("prepare", PrepareParams)
    assert values.unseen == UnseenParams(column="type", values=("bus", "truck"), seed=0)


@pytest.mark.parametrize("page", ["frames.md", "tracks.md", "searching.md", "across.md"])
def test_stages_that_a_page_names_are_in_dvc_yaml(page: str) -> None:
    stages = read(PROJECT / "dvc.yaml")["stages"]
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    for name in re.findall(r"dvc repro (\w+)@", text):
        assert name in stages
