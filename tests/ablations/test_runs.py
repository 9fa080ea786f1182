import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_vehicles import TinyData
from safetensors.torch import save_file
from tiny_run import run_stage, write_params

from pipeline.ablations import runs
from pipeline.ablations.experiment import open_experiment
from pipeline.ablations.runs import run_one
from pipeline.artifacts.views import write_views
from pipeline.networks.architectures import build_architecture
from pipeline.reid.params import load_model
from pipeline.store import hdf5
from pipeline.store.files import read_json
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint
from stages.embed import embed
from stages.evaluate import evaluate
from stages.train_reid import train_reid


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    copy = tiny_data.copy(tmp_path / "data")
    write_params(copy.root)
    return copy


def one(data: TinyData, model: str = "span_cpdm", seed: int = 0, **options: Any) -> tuple[runs.Run, bool]:
    workspace = data.workspace()
    values = load_model(workspace.parameters, workspace.dataset, model)
    return run_one(open_experiment(workspace, 0.0), model, values, seed, **options)


def folders(data: TinyData, model: str = "span_cpdm") -> list[Path]:
    return sorted((data.root / ".scratch/ablations/tiny" / model).iterdir())


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("[!.]*")}


def test_a_run_measures_what_the_stages_measure(data: TinyData) -> None:
    run, reused = one(data)
    assert not reused
    for stage in (train_reid, embed, evaluate):
        run_stage(stage, data.root, model="span_cpdm")
    by_stages = read_json(data.path("metrics", "span_cpdm"))
    assert {name: run.metrics[name] for name in by_stages} == by_stages
    assert run.average_precision.mean() == pytest.approx(run.metrics["mAP"])
    assert run.found_within(1).mean() == run.metrics["CMC"]["1"]
    assert run.vehicles.tolist() == ["0003", "0004"]


def test_a_finished_run_is_read_and_leaves_neither_weights_nor_features(
    data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = one(data)
    monkeypatch.setattr(runs, "train", None)
    again, reused = one(data)
    assert reused
    assert again.metrics == first.metrics
    (folder,) = folders(data)
    assert names(folder) == {"metrics.json", "queries.csv", "history.csv"}


def test_weights_and_features_stay_where_that_is_asked_for(data: TinyData) -> None:
    one(data, keep=True)
    (folder,) = folders(data)
    assert {"weights.safetensors", "features.h5"} <= names(folder)


def test_an_interrupted_training_goes_on_from_its_checkpoint(data: TinyData, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = one(data, seed=3)
    (folder,) = folders(data)
    (folder / "metrics.json").unlink()
    save = Checkpoint.save

    def interrupted(checkpoint: Checkpoint, progress: Any) -> None:
        save(checkpoint, progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(Checkpoint, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one(data, seed=3)
    assert (folder / "training/checkpoint.safetensors").exists()
    monkeypatch.undo()
    continued, reused = one(data, seed=3)
    assert not reused
    assert continued.metrics == whole.metrics


def test_a_run_cut_off_after_its_training_is_not_trained_again(data: TinyData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "restore", None)
    with pytest.raises(TypeError):
        one(data)
    monkeypatch.undo()
    monkeypatch.setattr(runs, "train", None)
    assert not one(data)[1]


@pytest.mark.parametrize("name", ["metrics.json", "queries.csv"])
def test_a_finished_run_that_is_damaged_is_set_aside_and_made_again(
    data: TinyData, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    first, _ = one(data, "baseline")
    (folder,) = folders(data, "baseline")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) * 2 // 3])
    assert not runs.is_finished(folder)
    again, reused = one(data, "baseline")
    assert not reused
    assert again.metrics == first.metrics
    assert runs.is_finished(folder)
    assert {"metrics.json.damaged", "queries.csv.damaged"} < names(folder)
    assert f"{folder / name}" in capsys.readouterr().err


def test_damaged_weights_of_a_run_that_was_cut_off_are_set_aside(
    data: TinyData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = one(data, "baseline", keep=True)
    (folder,) = folders(data, "baseline")
    (folder / "metrics.json").unlink()
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    assert one(data, "baseline")[0].metrics == first.metrics
    assert "It was set aside as weights.safetensors.damaged" in capsys.readouterr().err


def test_other_values_another_seed_and_other_code_are_runs_of_their_own(
    data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(data, "baseline")
    one(data, "baseline", seed=1)
    write_params(data.root, reid_models={"baseline": {"dimension": 8}})
    assert not one(data, "baseline")[1]
    monkeypatch.setattr(runs, "loaded_code", lambda entries: "other")
    assert not one(data, "baseline")[1]
    assert len(folders(data, "baseline")) == 4


def test_part_masks_count_by_their_content_whoever_made_them_and_wherever_they_lie(
    data: TinyData, tmp_path: Path
) -> None:
    first, _ = one(data)
    again, reused = one(data, masks=shutil.copy(data.path("part_masks"), tmp_path / "elsewhere.h5"))
    assert reused
    assert again.metrics == first.metrics
    made_by = hdf5.read_header(data.path("part_masks")).made_by
    black = np.zeros((len(data.store), 3, 8, 8), np.uint8)
    write_views(data.path("part_masks"), data.store.digest, len(black), 8, [black], made_by)
    assert not one(data)[1]


def test_a_file_of_pretrained_weights_counts_by_its_content(data: TinyData, tmp_path: Path) -> None:
    path = tmp_path / "first.safetensors"

    def write(value: float) -> None:
        network = build_architecture("resnet10_narrow")
        save_file({name: torch.full_like(each, value) for name, each in network.state_dict().items()}, path)

    write(0.01)
    write_params(data.root, train_reid={"pretrained": {"source": str(path)}})
    one(data, "baseline")
    assert one(data, "baseline")[1]
    write(0.02)
    assert not one(data, "baseline")[1]


def test_vehicles_held_out_of_the_training_are_measured_on(data: TinyData) -> None:
    write_params(data.root, evaluate={"protocol": "every_camera"}, train_reid={"identities_per_batch": 1})
    workspace = data.workspace()
    experiment = open_experiment(workspace, 0.5)
    assert experiment.split.held_out is not None
    assert set(experiment.store.splits[experiment.split.embedded]) == {"train"}
