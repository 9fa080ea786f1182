import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import h5py
import pytest
import torch
from drawn_vehicles import TinyData
from tiny_run import write_params

from benchmarks.reliability.killed_stages import (
    STAGES,
    Stage,
    half,
    is_killed_and_goes_on,
    no_room,
    trials_of,
)
from benchmarks.reliability.processes import in_process
from pipeline.store.places import PLACES, Workspace


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    """A copy of the tiny data set."""
    data = tiny_data.copy(tmp_path)
    write_params(data.root, {"map_workers": 1})
    return data


@pytest.fixture
def _busy(data: TinyData) -> Iterator[None]:
    """Leave this process what hours of tests do: threads of torch, an open HDF5 file, a signal handler."""
    torch.set_num_threads(2)
    weight = torch.ones(300, 300, requires_grad=True)
    (weight @ weight).sum().backward()
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    with h5py.File(data.path("images")) as file:
        assert len(file["path"])
        yield
    signal.signal(signal.SIGALRM, before)


def ran(data: TinyData, name: str) -> Stage:
    stage = Stage(name, Workspace(data.root, "tiny", "", data.root / "params.yaml"))
    ended = stage.run()
    assert ended.status == 0, ended.said
    return stage


def test_a_stage_that_gives_other_bytes_when_run_again_does_not_hold(data: TinyData) -> None:
    grabcut = ran(data, "grabcut")
    straight = grabcut.content()
    assert set(straight) == {"data/grabcut/tiny.h5", "data/rows/grabcut/tiny.h5"}
    assert not is_killed_and_goes_on(grabcut, "before", {**straight, "data/grabcut/tiny.h5": b"others"})


def test_a_full_disk_is_one_error_that_names_the_file_and_no_crash(data: TinyData) -> None:
    grabcut = ran(data, "grabcut")
    straight = grabcut.content()
    grabcut.forget()
    ended = grabcut.run(partial(no_room, half(straight)))
    assert ended.in_words, ended
    assert ended.said.count("\n") == 1
    assert "File too large: '" in ended.said


@pytest.mark.usefixtures("_busy")
@pytest.mark.parametrize("name", ["resolve_params", "grabcut", "train_foreground"])
def test_whatever_is_done_to_a_stage_it_says_so_and_goes_on_however_busy_this_process_was(
    data: TinyData, name: str
) -> None:
    tried = {case.group: case.holds() for case in trials_of(ran(data, name))}
    assert len(tried) == 6
    assert all(tried.values()), tried


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def divide() -> None:
    print(1 / 0)


def test_a_crash_a_traceback_and_a_hang_are_told_from_an_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert in_process(die, log).status == -signal.SIGKILL
    assert in_process(partial(time.sleep, 60), log, seconds=1).status == -signal.SIGALRM
    ended = in_process(divide, log)
    assert not ended.in_words
    assert "ZeroDivisionError" in ended.said


def test_every_stage_is_tried_but_those_whose_code_is_anothers_and_those_that_write_a_few_digests() -> None:
    assert {place.stage for place in PLACES.values()} - set(STAGES) == {
        "train_together",
        "embed_across",
        "evaluate_across",
        "digest_artifacts",
        "digest_evaluation",
        "digest_across",
    }
