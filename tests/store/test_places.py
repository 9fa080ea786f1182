from pathlib import Path

import pytest

from pipeline.store import places
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


@pytest.mark.parametrize("part", ["loaded_code", "libraries_of"])
def test_a_scratch_folder_is_another_once_code_or_a_library_has_changed(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    before = WORKSPACE.scratch("grabcut", {})
    monkeypatch.setattr(places, part, lambda *_: "other")
    assert WORKSPACE.scratch("grabcut", {}) != before


def test_a_scratch_folder_depends_on_modules_found_by_name() -> None:
    found = {WORKSPACE.scratch("train_reid", {}, f"pipeline/reid/models/{name}.py") for name in ("pgan", "baseline")}
    assert len(found) == 2


def test_an_edit_of_what_was_read_is_noticed_and_one_of_comments_or_other_sections_is_not(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "fleet", parameters=tmp_path / "params.yaml")
    workspace.parameters.write_text("masks: {size: 3}\nother: 1\n")
    workspace.load("masks", Size)
    workspace.parameters.write_text("# a comment\nmasks: {size: 3}\nother: 2\n")
    workspace.check_unchanged()
    workspace.parameters.write_text("masks: {size: 3}\noverrides: {fleet: {masks: {size: 4}}}\n")
    with pytest.raises(RuntimeError, match=r"params\.yaml: masks was edited while this stage ran"):
        workspace.check_unchanged()


def test_sections_are_read_as_the_data_set_has_them(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("masks: {size: 3}\noverrides: {fleet: {masks: {size: 4}}}\n")
    assert Workspace(tmp_path, "fleet", parameters=tmp_path / "other.yaml").load("masks", Size) == Size(4)
    assert Workspace(tmp_path, "plain", parameters=tmp_path / "other.yaml").load("masks", Size) == Size(3)
    assert Workspace(tmp_path, parameters=tmp_path / "other.yaml").load("masks", Size) == Size(3)


def test_a_stage_of_the_whole_workspace_runs_on_the_data_set_its_parameters_name() -> None:
    WORKSPACE.check_chosen("train_span", "fleet")
    with pytest.raises(ValueError, match=r"params\.yaml: train_span\.dataset is 'veri776', got --dataset 'fleet'"):
        WORKSPACE.check_chosen("train_span", "veri776")


def test_a_folder_is_seen_from_every_data_set_and_model_that_has_an_output(tmp_path: Path) -> None:
    for name in ("b/pgan.h5", "a/pgan.h5", "a/span_cpdm.h5", "a/notes.txt", "c.h5"):
        (tmp_path / "data/features" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/features" / name).touch()
    seen = Workspace(tmp_path, "here").having("features")
    assert [(view.dataset, view.model) for view in seen] == [("a", "pgan"), ("a", "span_cpdm"), ("b", "pgan")]
    assert Workspace(tmp_path).having("foreground") == []
