import csv
import json
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from pipeline.networks import loggers
from pipeline.networks.loggers import loggers_of
from pipeline.store.runtime import LoggerName
from pipeline.training.loop import ScheduleParams, fit

SCHEDULE = ScheduleParams(
    epochs=2,
    learning_rate=0.01,
    weight_decay=0.0,
    warmup_epochs=0,
    warmup_start=1.0,
    decay="constant",
    decay_every=1,
    decay_factor=1.0,
)
NAMES = {"loss", "size", "learning_rate", "seconds_a_step"}


def train(name: LoggerName, root: Path, phase: str = "") -> list[dict[str, float]]:
    """Train for 2 epochs of 12 steps with one logger; the history."""

    def losses(module: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return {"size": module(batch).square().mean()}

    torch.manual_seed(0)
    folder = root / "logs" / "train_reid" / "fleet" / "pgan"
    fabric = Fabric(accelerator="cpu", devices=1, loggers=loggers_of(name, folder))
    return fit(nn.Linear(3, 2), losses, lambda epoch: [torch.ones(4, 3)] * 12, SCHEDULE, fabric, phase=phase)


def test_a_table_has_a_line_every_ten_steps_and_at_the_end_of_each_epoch(tmp_path: Path) -> None:
    history = train("csv", tmp_path)
    (file,) = tmp_path.rglob("metrics.csv")
    assert file.parent == tmp_path / "logs/train_reid/fleet/pgan/version_0"
    with open(file, encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert set(rows[0]) == NAMES | {"step"}
    assert [int(row["step"]) for row in rows] == [10, 12, 22, 24]
    first = (10 * float(rows[0]["loss"]) + 2 * float(rows[1]["loss"])) / 12
    assert first == pytest.approx(history[0]["loss"])
    assert all(float(row["learning_rate"]) == 0.01 and float(row["seconds_a_step"]) > 0 for row in rows)


def test_phases_of_a_training_have_curves_of_their_own(tmp_path: Path) -> None:
    train("csv", tmp_path, "masks/")
    (file,) = tmp_path.rglob("metrics.csv")
    assert "masks/loss" in file.read_text(encoding="utf-8").splitlines()[0].split(",")


def test_without_a_logger_nothing_is_written_and_the_same_is_learnt(tmp_path: Path) -> None:
    silent = train("none", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert train("csv", tmp_path) == silent


@pytest.mark.filterwarnings("ignore")  # of the packages themselves
def test_tensorboard_gets_every_curve(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train("tensorboard", tmp_path)
    events = EventAccumulator(str(tmp_path / "logs/train_reid/fleet/pgan/version_0"))
    events.Reload()
    assert set(events.Tags()["scalars"]) >= NAMES
    assert [point.step for point in events.Scalars("loss")] == [10, 12, 22, 24]


@pytest.mark.filterwarnings("ignore")
def test_mlflow_gets_a_finished_run_of_the_trainings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    train("mlflow", tmp_path)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/logs/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("vehicle-reid").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "train_reid/fleet/pgan"
    assert set(run.data.metrics) == NAMES
    assert [point.step for point in client.get_metric_history(run.info.run_id, "loss")] == [10, 12, 22, 24]


@pytest.mark.filterwarnings("ignore")
def test_dvclive_gets_a_file_a_curve_and_the_last_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dvclive")
    monkeypatch.chdir(tmp_path)
    train("dvclive", tmp_path)
    folder = tmp_path / "logs/train_reid/fleet/pgan"
    with open(folder / "plots/metrics/loss.tsv", encoding="utf-8") as stream:
        assert [int(row["step"]) for row in csv.DictReader(stream, delimiter="\t")] == [10, 12, 22, 24]
    assert set(json.loads((folder / "metrics.json").read_text())) >= NAMES


def test_a_logger_whose_package_is_missing_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loggers.PACKAGES, "mlflow", "absent_package")
    with pytest.raises(
        ValueError, match="runtime.logger: mlflow is not installed; .*uv sync --inexact --group loggers"
    ):
        loggers_of("mlflow", tmp_path)


def test_a_training_that_fails_closes_its_loggers_as_failed(tmp_path: Path) -> None:
    statuses: list[str] = []

    class Noting(loggers.DvcliveLogger):
        def finalize(self, status: str) -> None:
            statuses.append(status)

    fabric = Fabric(accelerator="cpu", devices=1, loggers=[Noting(tmp_path)])
    with pytest.raises(ValueError, match="expected at least one batch"):
        fit(nn.Linear(3, 2), lambda module, batch: {}, lambda epoch: [], SCHEDULE, fabric)
    assert statuses == ["failed"]
