"""The commands of pages in `docs/`, run as they stand there, on parameters as they stand there.

Those of `export.md` are run by `tests/stages/test_export_stage.py`.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import cv2
import pytest
from click.testing import CliRunner
from drawn_vehicles import TinyData
from ruamel.yaml import YAML
from tiny_run import PROJECT, TINY, run_stage, write_params

from pipeline.datasets.adapters import PrepareParams
from pipeline.datasets.held_out import UnseenParams
from pipeline.store.params import merge, parse, read
from pipeline.store.runtime import LoggerName
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
    first, begun, joint, unseen = (parse(text, Path("docs")) for text in blocks("across.md", "yaml"))
    plain = {**TRAINED, "evaluate": {"alike": None, "group_by": None}}
    own = {"overrides": dict.fromkeys(("synthetic", "real_mini", "mixed"), plain)}
    lay_over(run_of.root, own, first, begun, joint, unseen)
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


@pytest.fixture
def loggers_page() -> dict[str, list[str]]:
    """Logger -> the code spans of where the page's table says its curves go."""
    text = (PROJECT / "docs/loggers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE)
    return {name: re.findall(r"`([^`]+)`", where) for name, where in rows}


def test_every_logger_is_on_its_page(loggers_page: dict[str, list[str]]) -> None:
    assert tuple(loggers_page) == get_args(LoggerName)


@pytest.fixture(scope="module")
def unlogged(finished_run: TinyData, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Weights of a training without a logger."""
    run_of = finished_run.copy(tmp_path_factory.mktemp("unlogged"))
    run_stage(train_reid, run_of.root, model="baseline")
    return run_of.path("reid", "baseline").read_bytes()


@pytest.mark.filterwarnings("ignore")  # of the packages themselves
@pytest.mark.parametrize("name", get_args(LoggerName))
def test_a_training_is_logged_where_the_page_says_and_learns_the_same(
    finished_run: TinyData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    loggers_page: dict[str, list[str]],
    unlogged: bytes,
    name: LoggerName,
) -> None:
    if name not in ("none", "csv"):
        pytest.importorskip(name, reason="dependency group loggers")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    weights = finished_run.copy(tmp_path).path("reid", "baseline")
    (block,) = blocks("loggers.md", "yaml")
    lay_over(tmp_path, parse(block, Path("docs")), {"runtime": {"logger": name}})
    run_stage(train_reid, Path(), model="baseline")
    assert weights.read_bytes() == unlogged
    folder = tmp_path / "data/logs/train_reid/tiny/baseline"
    if name == "none":
        assert not (tmp_path / "data/logs").exists()
    elif name == "csv":
        (pattern,) = loggers_page[name]
        for word, value in (("<stage>", "train_reid"), ("<data set>", "tiny"), ("<model>", "baseline")):
            pattern = pattern.replace(word, value)
        assert (tmp_path / pattern.replace("version_N", "version_0")).is_file()
    elif name == "tensorboard":
        (command,) = loggers_page[name]
        done = subprocess.run(
            [sys.executable, "-m", "tensorboard.main", *shlex.split(command)[1:], "--inspect"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "data/logs/train_reid/tiny/baseline/version_0" in done.stdout
        assert "loss" in done.stdout
    elif name == "mlflow":
        from mlflow import MlflowClient

        file, command = loggers_page[name][0], loggers_page[name][1]
        assert (tmp_path / file).is_file()
        client = MlflowClient(tracking_uri=shlex.split(command)[-1])
        (run_found,) = client.search_runs([item.experiment_id for item in client.search_experiments()])
        assert run_found.info.run_name == "train_reid/tiny/baseline"
    else:
        (file,) = folder.glob("plots/metrics/loss.tsv")
        assert len(file.read_text(encoding="utf-8").splitlines()) == 3


PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_and_groups_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    context = click.Context(reid)
    lines = [line for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    for _, name, *words in (shlex.split(line, comments=True) for line in lines if line.startswith("reid ")):
        if not name.startswith("--"):
            command = reid.get_command(context, name)
            assert command is not None, name
            command.make_context(name, words)
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    for name in re.findall(r"uv sync (?:--inexact )?--group (\w+)", text):
        assert name in groups
