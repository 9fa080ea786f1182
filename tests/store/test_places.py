from pathlib import Path

import pytest

from pipeline.store.params import parameters
from pipeline.store.places import HISTORY, PLACES, Workspace

PROJECT = Path(__file__).parents[2]
WORKSPACE = Workspace(Path("root"), "fleet", "pgan", Path("root/params.yaml"))


@parameters
class Size:
    size: int


def test_a_path_depends_on_data_set_and_model_where_its_output_does() -> None:
    assert WORKSPACE.path("images") == Path("root/data/images/fleet.h5")
    assert WORKSPACE.path("reid") == Path("root/models/reid/fleet/pgan.safetensors")
    assert WORKSPACE.path("span") == Path("root/models/span.safetensors")


def test_no_two_outputs_share_a_place_and_histories_share_a_folder() -> None:
    joint = {name for name, place in PLACES.items() if place.stage == "train_together"}
    assert {WORKSPACE.path(name) for name in joint} == {WORKSPACE.path("reid"), WORKSPACE.path("reid_history")}, (
        "a model is found alike, whether its data set is one or joint; no name is both"
    )
    assert len({WORKSPACE.path(name) for name in PLACES}) == len(PLACES) - len(joint)
    histories = [WORKSPACE.path(name) for name in PLACES if name.endswith("_history")]
    assert all(path.is_relative_to(Path("root") / HISTORY) for path in histories)
    assert len(histories) == 4 + 1


def test_a_file_that_is_missing_is_named_with_the_stage_that_makes_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "fleet", "pgan")
    with pytest.raises(FileNotFoundError, match=r"data/features/fleet/pgan\.h5: no such file; stage `embed` makes it"):
        workspace.existing("features")
    workspace.path("features").parent.mkdir(parents=True)
    workspace.path("features").touch()
    assert workspace.existing("features") == tmp_path / "data/features/fleet/pgan.h5"


def test_a_scratch_folder_is_named_by_everything_that_decides_the_result() -> None:
    folder = WORKSPACE.scratch("grabcut", {"table": "t", "params": {"size": 3, "padding": 4}})
    assert folder.parent == Path("root/.scratch/grabcut")
    assert folder == WORKSPACE.scratch("grabcut", {"params": {"padding": 4, "size": 3}, "table": "t"})
    assert folder != WORKSPACE.scratch("grabcut", {"table": "t", "params": {"size": 3, "padding": 5}})
    assert folder != WORKSPACE.scratch("train_span", {"table": "t", "params": {"size": 3, "padding": 4}})


def test_sections_are_read_as_the_data_set_has_them(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("masks: {size: 3}\noverrides: {fleet: {masks: {size: 4}}}\n")
    assert Workspace(tmp_path, "fleet", parameters=tmp_path / "other.yaml").load("masks", Size) == Size(4)
    assert Workspace(tmp_path, "plain", parameters=tmp_path / "other.yaml").load("masks", Size) == Size(3)
    assert Workspace(tmp_path, parameters=tmp_path / "other.yaml").load("masks", Size) == Size(3)


def test_a_stage_of_the_whole_workspace_runs_on_the_data_set_its_parameters_name() -> None:
    WORKSPACE.check_chosen("train_span", "fleet")
    with pytest.raises(ValueError, match=r"params\.yaml: train_span\.dataset is 'veri776', got --dataset 'fleet'"):
        WORKSPACE.check_chosen("train_span", "veri776")
