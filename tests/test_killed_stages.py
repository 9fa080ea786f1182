import os
import signal
from pathlib import Path

import pytest
from drawn_vehicles import TinyData
from tiny_run import write_params

from benchmarks import killed_stages
from benchmarks.killed_stages import MOMENTS, STAGES, Stage, in_fork, is_killed_and_goes_on, is_refused, no_room
from pipeline.store.places import PLACES, Workspace


@pytest.fixture
def grabcut(tiny_data: TinyData, tmp_path: Path) -> Stage:
    """The stage `grabcut`, about to run on a copy of the tiny data set."""
    data = tiny_data.copy(tmp_path)
    write_params(data.root, {"map_workers": 1})
    return Stage("grabcut", Workspace(data.root, "tiny", "", data.root / "params.yaml"))


@pytest.fixture
def straight(grabcut: Stage) -> dict[str, bytes]:
    """What it writes when nothing happens to it."""
    ended = grabcut.run()
    assert ended.status == 0, ended.said
    assert set(grabcut.content()) == {"data/grabcut/tiny.h5", "data/rows/grabcut/tiny.h5"}
    return grabcut.content()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_stage_leaves_no_partial_file_and_goes_on(
    grabcut: Stage, straight: dict[str, bytes], moment: str
) -> None:
    assert is_killed_and_goes_on(grabcut, moment, straight)
    assert not is_killed_and_goes_on(grabcut, moment, {**straight, "data/grabcut/tiny.h5": b"others"})


def test_a_full_disk_is_one_error_that_names_the_file_and_no_crash(grabcut: Stage, straight: dict[str, bytes]) -> None:
    grabcut.forget()
    ended = grabcut.run(lambda: no_room(straight))
    assert ended.in_words, ended
    assert ended.said.count("\n") == 1
    assert "File too large: '" in ended.said
    assert is_refused(grabcut, lambda: no_room(straight), straight)


def test_a_crash_a_traceback_and_a_hang_are_told_from_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(killed_stages, "SECONDS", 1)
    log = tmp_path / "log"
    assert in_fork(lambda: os.kill(os.getpid(), signal.SIGKILL), log).status == -9
    assert in_fork(lambda: os.pipe()[0] and os.read(os.pipe()[0], 1) and None, log).status == -14
    ended = in_fork(lambda: print(1 / 0), log)
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
