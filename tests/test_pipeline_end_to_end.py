import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from miniature import edit, repro, run, stages_run
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow

REID = ("train_reid", "embed", "evaluate", "digest_evaluation")
"""Stages a re-ID model has."""
ON_DEMAND = {"train_together", "embed_across", "evaluate_across", "digest_across"}
"""Stages of what the default run has none of: joint sets, and models on other data sets."""


def python_blocks(page: Path) -> list[str]:
    """The blocks of Python in a Markdown page."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def weights(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.glob("models/**/*.safetensors"))
    }


@pytest.fixture(scope="module")
def workspace(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the miniature run."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    shutil.copytree(miniature, folder)
    yield folder
    shutil.rmtree(folder)


def test_one_command_runs_every_stage_and_leaves_metrics_and_a_report(workspace: Path) -> None:
    stages = YAML(typ="safe").load((workspace / "dvc.yaml").read_text())["stages"]
    assert set((workspace / "first_run.txt").read_text().split()) == set(stages) - ON_DEMAND
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
    assert set(repro(workspace)) == {"resolve_params", *REID, "report"}


def test_a_model_added_as_the_docs_say_trains_embeds_and_evaluates_and_reruns_nothing_else(workspace: Path) -> None:
    module, adapter = python_blocks(workspace / "docs/adding.md")
    assert "def read" in adapter
    (workspace / "pipeline/reid/models/pooled.py").write_text(module, encoding="utf-8")

    def change(document: Any) -> None:
        document["reid_models"]["pooled"] = {"network": "pooled", "dimension": 64, "triplet_weights": {"global": 1}}
        document["models"].append("pooled")

    edit(workspace, change)
    own = [f"{stage}@synthetic-pooled" for stage in REID]
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
