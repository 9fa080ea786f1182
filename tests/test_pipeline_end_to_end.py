import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
MINIATURE: dict[str, Any] = {
    "synthesize": {"train_vehicles": 6, "test_vehicles": 4, "images_per_vehicle": 6},
    "train_foreground": {"schedule": {"epochs": 1}},
    "train_detector": {"schedule": {"epochs": 1}},
    "train_span": {"warmup": {"epochs": 1}, "schedule": {"epochs": 1}},
    "train_reid": {"input_size": 64, "epochs": 2, "identities_per_batch": 3, "images_per_identity": 2},
}
"""What makes the embedded fleet a miniature: laid over `overrides.synthetic`."""

pytestmark = pytest.mark.slow


def run(command: list[str], folder: Path) -> str:
    """Run a command in `folder` and return all it printed; a failure shows it."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def repro(folder: Path) -> list[str]:
    """Run `dvc repro` and return the stages it ran, without their matrix suffix, in order."""
    return [name.partition("@")[0] for name in stages_run(folder)]


def edit(folder: Path, change: Callable[[Any], None]) -> None:
    """Change `params.yaml` in place, keeping its comments."""
    yaml = YAML()
    yaml.width = 4096
    path = folder / "params.yaml"
    document = yaml.load(path.read_text(encoding="utf-8"))
    change(document)
    with open(path, "w", encoding="utf-8") as stream:
        yaml.dump(document, stream)


def shrink(document: Any) -> None:
    """Turn the default run into one that takes a minute or two."""
    document["models"] = ["baseline", "span_cpdm"]
    lay_over(document["overrides"]["synthetic"], MINIATURE)


def lay_over(document: Any, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict):
            lay_over(document.setdefault(key, {}), value)
        else:
            document[key] = value


def stages_run(folder: Path) -> list[str]:
    """Run `dvc repro` and return the stages it ran with their matrix suffix, in order."""
    return re.findall(r"Running stage '([^']+)'", run(["dvc", "repro"], folder))


def python_blocks(page: Path) -> list[str]:
    """The blocks of Python in a Markdown page."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def weights(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("models/**/*.safetensors"))
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A scratch clone of the project as it stands, with a miniature fleet, run end to end once."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT)
    for name in filter(None, listed.split("\0")):
        if name != "dvc.lock" and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    run(["git", "init", "-q"], folder)
    edit(folder, shrink)
    (folder / "first_run.txt").write_text("\n".join(repro(folder)))
    yield folder
    shutil.rmtree(folder)


def test_one_command_runs_every_stage_and_leaves_metrics_and_a_report(workspace: Path) -> None:
    stages = YAML(typ="safe").load((workspace / "dvc.yaml").read_text())["stages"]
    assert set((workspace / "first_run.txt").read_text().split()) == set(stages)
    for model in ("baseline", "span_cpdm"):
        metrics = json.loads((workspace / f"data/evaluation/synthetic/{model}/metrics.json").read_text())
        assert 0.0 < metrics["mAP"] <= 1.0
    quality = json.loads((workspace / "data/quality/synthetic/metrics.json").read_text())
    assert quality
    page = (workspace / "data/report/index.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert not re.search(r"(src|href)=[\"']https?://", page)


def test_nothing_runs_again_when_nothing_changed_or_only_a_comment_did(workspace: Path) -> None:
    assert repro(workspace) == []
    path = workspace / "params.yaml"
    path.write_text("# one more comment\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert repro(workspace) == []


def test_training_never_reads_ground_truth_and_repeats_byte_for_byte(workspace: Path) -> None:
    before = weights(workspace)
    hidden = workspace / "hidden"
    (workspace / "data/truth").rename(hidden)
    truth_at_source = workspace / "data/raw/synthetic/ground_truth.h5"
    truth_at_source.rename(workspace / "hidden_source.h5")
    try:
        commands = run(["dvc", "stage", "list", "--name-only"], workspace).split()
        for name in [name for name in commands if name.startswith("train_")]:
            run(["dvc", "repro", "--single-item", "--force", "--no-commit", name], workspace)
    finally:
        hidden.rename(workspace / "data/truth")
        (workspace / "hidden_source.h5").rename(truth_at_source)
    assert weights(workspace) == before


def test_editing_the_reid_learning_rate_reruns_reid_training_and_what_follows_only(workspace: Path) -> None:
    def change(document: Any) -> None:
        document["overrides"]["synthetic"]["train_reid"].pop("learning_rate", None)
        document["train_reid"]["learning_rate"] = 2.0e-4

    edit(workspace, change)
    assert set(repro(workspace)) == {"resolve_params", "train_reid", "embed", "evaluate", "report"}


def test_a_model_added_as_the_docs_say_trains_embeds_and_evaluates_and_reruns_nothing_else(workspace: Path) -> None:
    module, adapter = python_blocks(workspace / "docs/adding.md")
    assert "def read" in adapter
    (workspace / "pipeline/reid/models/pooled.py").write_text(module, encoding="utf-8")

    def change(document: Any) -> None:
        document["reid_models"]["pooled"] = {"network": "pooled", "dimension": 64, "triplet_weights": {"global": 1}}
        document["models"].append("pooled")

    edit(workspace, change)
    own = [f"{stage}@synthetic-pooled" for stage in ("train_reid", "embed", "evaluate")]
    assert stages_run(workspace) == ["resolve_params", *own, "report"]
    metrics = json.loads((workspace / "data/evaluation/synthetic/pooled/metrics.json").read_text())
    assert 0.0 < metrics["mAP"] <= 1.0
    assert "pooled" in (workspace / "data/report/index.html").read_text(encoding="utf-8")


def test_an_edit_of_a_block_reruns_the_models_made_of_it_and_no_other(workspace: Path) -> None:
    block = workspace / "pipeline/reid/blocks/refine.py"
    block.write_text(block.read_text(encoding="utf-8") + "\n\nUNUSED = 0\n", encoding="utf-8")
    ran = stages_run(workspace)
    assert ran[:2] == ["resolve_params", "train_reid@synthetic-baseline"]
    assert not [name for name in ran if name.endswith("span_cpdm")]
