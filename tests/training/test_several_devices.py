"""Two processes on the CPU against one; the networks have no batch norm, whose statistics are those of a share."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData
from shared_work import CHANGES, PREDICTIONS, TRAININGS, outcome, same_weights, stop_after, train_reid, work
from tiny_run import run_stage, write_params

from pipeline.networks.runtime import start

TESTS = Path(__file__).parents[1]
PATHS = {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}


def command(*arguments: object) -> subprocess.Popen[str]:
    """Start a module that starts its second process itself."""
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)], stderr=subprocess.PIPE, text=True, env=os.environ | PATHS
    )


@dataclass(frozen=True)
class Compared:
    """What one process and two made of the same data.

    Attributes:
        one: Training -> weights and history.
        two: Likewise, and ``continued``, the re-ID training that one process began and two ended.
        checkpoints: Folder of the checkpoint of a re-ID training that two processes began.
        data: The data, with what two processes predicted.
        written: Kind of cache -> its bytes as one process wrote it.
    """

    one: dict[str, dict[str, Any]]
    two: dict[str, dict[str, Any]]
    checkpoints: Path
    data: TinyData
    written: dict[str, bytes]


@pytest.fixture(scope="module")
def compared(finished_run: TinyData, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Everything once by one process and once by two."""
    data, output = finished_run.copy(tmp_path_factory.mktemp("two")), tmp_path_factory.mktemp("results")
    write_params(data.root, **CHANGES)
    one = work(data, RUNTIME)
    stop_after(7, output / "of_one", data, RUNTIME)
    for stage, kind in PREDICTIONS.items():
        run_stage(stage, data.root, model="pgan" if kind == "features" else "")
    written = {kind: data.path(kind, "pgan").read_bytes() for kind in PREDICTIONS.values()}
    shutil.rmtree(data.root / "data/rows")  # else the processes would find every row computed
    write_params(data.root, {"devices": 2}, **CHANGES)
    running = command("shared_work", data.root, output)
    message = running.communicate(timeout=1800)[1]
    assert running.returncode == 0, message
    two = torch.load(output / "results.pt", weights_only=True)
    return Compared(one, two, output / "of_two", data, written)


@pytest.mark.parametrize("name", TRAININGS)
def test_two_processes_train_the_network_that_one_does(compared: Compared, name: str) -> None:
    one, two = compared.one[name], compared.two[name]
    assert same_weights(one["weights"], two["weights"]) < 1e-5
    assert len(one["history"]) == len(two["history"])
    for expected, found in zip(one["history"], two["history"], strict=True):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_a_training_goes_on_by_another_number_of_processes(compared: Compared, tmp_path: Path) -> None:
    straight = compared.one["reid"]["weights"]
    assert same_weights(straight, compared.two["continued"]["weights"]) < 1e-5
    scratch = shutil.copytree(compared.checkpoints, tmp_path / "scratch")
    continued = outcome(train_reid(compared.data, RUNTIME, start(RUNTIME), scratch))
    assert same_weights(straight, continued["weights"]) < 1e-5


@pytest.mark.parametrize("kind", PREDICTIONS.values())
def test_two_processes_write_the_bytes_that_one_does(compared: Compared, kind: str) -> None:
    assert compared.data.path(kind, "pgan").read_bytes() == compared.written[kind]


def second_process(first: int) -> int | None:
    """The process that a stage's first process has started to share its work."""
    for child in Path(f"/proc/{first}/task/{first}/children").read_text().split():
        if b"stages.train_reid" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return None


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the second process in Linux's /proc")
def test_a_process_that_dies_ends_the_stage_with_a_message(tiny_data: TinyData, tmp_path: Path) -> None:
    data = tiny_data.copy(tmp_path)
    write_params(data.root, {"devices": 2}, train_reid={"epochs": 100_000})
    running = command("stages.train_reid", "--dataset", "tiny", "--model", "baseline", "--root", data.root)
    while (second := second_process(running.pid)) is None:
        assert running.poll() is None
        time.sleep(0.1)
    os.kill(second, signal.SIGKILL)
    message = running.communicate(timeout=1800)[1]
    assert running.returncode != 0
    assert f"Child process with PID {second} terminated with code -9" in message or "Connection" in message
    assert not data.path("reid", "baseline").exists()
