"""Benchmarks of the map stages, on the tiny data set; stages run in this process."""

from collections.abc import Callable
from importlib import import_module

import pytest
from click.testing import CliRunner
from drawn_vehicles import TinyData
from tiny_run import run_stage

from benchmarks import added_images, map_workers
from benchmarks.added_images import STAGES, TRAINED, Seconds, train_anew
from pipeline.store.places import Workspace


def in_this_process(workspace: Workspace, stage: str) -> Seconds:
    """Takes the place of `seconds_of`; the clock is a fixed one."""
    if stage in TRAINED:
        train_anew(workspace, *TRAINED[stage])
    command = getattr(import_module(f"stages.{stage}"), stage)
    run_stage(command, workspace.root, model=workspace.model if stage == "embed" else "")
    return Seconds(2, 1)


def beside(workspace: Workspace, stage: str) -> Seconds:
    """The same, but that seeds depend on how they are made."""
    found = in_this_process(workspace, stage)
    if stage == "grabcut" and workspace.root.name != "growing":
        with open(workspace.path("grabcut"), "ab") as stream:
            stream.write(b"\0")
    return found


def table_of(benchmark: object, run: TinyData, *words: object) -> list[list[str]]:
    places = ["--root", run.root, "--dataset", "tiny", "--parameters", run.root / "params.yaml"]
    result = CliRunner().invoke(benchmark, [str(word) for word in [*places, *words]])  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return [line[2:-2].split(" | ") for line in result.stdout.splitlines()]


@pytest.mark.parametrize(("stage", "verdict"), [(in_this_process, "yes"), (beside, "NO")])
def test_a_full_run_and_an_added_one_stand_side_by_side_and_are_compared_byte_for_byte(
    finished_run: TinyData,
    monkeypatch: pytest.MonkeyPatch,
    stage: Callable[[Workspace, str], Seconds],
    verdict: str,
) -> None:
    monkeypatch.setattr(added_images, "seconds_of", stage)
    head, _, *lines = table_of(added_images.main, finished_run, "--images", 4, "--added", 2)
    assert head == ["", "4", "+2", "6", "same bytes"]
    assert [line[0] for line in lines] == [f"`{name}`" for name in STAGES]
    assert lines[0] == ["`grabcut`", *["2.0 (1.0)"] * 3, verdict]
    assert {line[-1] for line in lines[1:]} == {"yes"}


def test_workers_are_compared_stage_by_stage(finished_run: TinyData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(added_images, "seconds_of", in_this_process)
    head, _, *lines = table_of(map_workers.main, finished_run, "--images", 4, "--engines", "local")
    assert head == ["seconds", "local, 1", "local, 2", "same bytes"]
    assert lines[0] == ["`grabcut`", "2.0", "2.0", "yes"]
    assert [line[2] for line in lines[1:]] == [""] * (len(STAGES) - 1)  # they have no processes here
