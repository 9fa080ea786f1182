import csv
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from pipeline.store.params import parameters
from pipeline.store.places import Workspace
from stages.command import PATH, FiniteRange, Output, dataset_option, model_option, progress, stage, trained_on_option


@parameters
class Size:
    size: int


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text("prepare: {size: 3}\n")
    return tmp_path


def run(function: Callable[..., None], root: Path, *options: str) -> Result:
    command = stage(dataset_option(click.option("--output", type=PATH)(function)))
    return CliRunner().invoke(command, ["--dataset", "shop", "--root", str(root), *options])


def test_a_stage_that_failed_holds_no_memory_when_libraries_run_their_exit_hooks(root: Path) -> None:
    held = []

    def greedy(workspace: Workspace, output: Path) -> None:
        batch = set(range(100))
        held.append(weakref.ref(batch))
        raise MemoryError

    result = run(greedy, root)
    assert result.exception is not None  # its frames are those of the stage
    assert held[0]() is None
    assert result.output == ("Error: MemoryError: memory ran out; smaller batches or fewer runtime.workers take less\n")


def seen_by_a_stage(*options: str, takes: Callable[[Any], Any] = lambda function: function) -> Workspace:
    """The workspace that a stage gets which takes some options."""
    seen = []

    def look(workspace: Workspace) -> None:
        seen.append(workspace)

    result = CliRunner().invoke(stage(takes(look)), options)
    assert result.exit_code == 0, result.output
    return seen[0]


def test_a_stage_gets_its_own_options_and_a_workspace(root: Path) -> None:
    got: dict[str, object] = {}

    def good(workspace: Workspace, output: Path) -> None:
        """Write something."""
        got.update(workspace=workspace, output=output)
        click.echo("done")

    result = run(good, root, "--output", "a/b.h5")
    assert (result.exit_code, result.output) == (0, "done\n")
    assert got == {"workspace": Workspace(root, "shop", "", root / "params.yaml"), "output": Path("a/b.h5")}


def written(root: Path, *words: str, kind: Output) -> str:
    """What a command says that reads a file and writes another, and must not come to it."""

    def never(workspace: Workspace, output: Path, boxes: Path, table: Path) -> None:
        raise AssertionError("must not run")

    options = [click.option("--output", type=kind), click.option("--boxes", type=PATH)]
    for option in (*options, click.option("--table", type=Output(".csv", ".json"))):
        never = option(never)
    result = CliRunner().invoke(stage(dataset_option(never)), ["--dataset", "shop", "--root", str(root), *words])
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit), result.output
    return result.output


def test_an_output_must_have_a_known_ending_and_a_place_that_takes_a_file(root: Path) -> None:
    (root / "file.txt").touch()
    (root / "folder.html").mkdir()
    page = Output(".html")
    for path, message in (
        ("notes.yaml", "--output: expected a file name that ends with .html, got"),
        ("file.txt/page.html", "file.txt"),
        ("folder.html", "expected a regular file, got a folder"),
        ("/dev/null", "--output: expected a file name that ends with .html"),
    ):
        assert message in written(root, "--output", str(root / path), kind=page)
    assert "expected a regular file, got a device" in written(root, "--output", "/dev/null", kind=Output())
    assert "got a file" in written(root, "--output", str(root / "file.txt"), kind=Output(folder=True))


def test_an_output_is_neither_read_nor_written_twice_nor_a_stages_own(root: Path, tmp_path: Path) -> None:
    (root / "boxes.csv").touch()
    (root / "link.csv").symlink_to(root / "boxes.csv")
    (tmp_path / "elsewhere").mkdir()
    (root / "data").mkdir()
    (root / "data/images").symlink_to(tmp_path / "elsewhere")
    same = ["--boxes", str(root / "boxes.csv"), "--output", str(root / "link.csv")]
    assert "--output: expected another place than what is read, got" in written(root, *same, kind=Output())
    assert "params.yaml" in written(root, "--output", str(root / "params.yaml"), kind=Output())
    both = ["--table", str(root / "a.csv"), "--output", str(root / "x/../a.csv")]
    assert "expected two files, got" in written(root, *both, kind=Output())
    for kept in ("data/images/other.h5", "models/reid/shop/pgan.safetensors", "data/raw/shop/images.csv"):
        message = written(root, "--output", str(root / kept), kind=Output())
        assert "--output: expected a place of its own, got" in message
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_folder_to_write_into_may_be_the_workspace(root: Path) -> None:
    def good(workspace: Workspace, output: Path) -> None:
        """Write something."""

    command = stage(dataset_option(click.option("--output", type=Output(folder=True))(good)))
    result = CliRunner().invoke(command, ["--dataset", "shop", "--root", str(root), "--output", str(root)])
    assert result.exit_code == 0, result.output


def test_names_of_data_set_and_model_reach_the_workspace(root: Path) -> None:
    workspace = seen_by_a_stage(
        *("--root", str(root), "--dataset", "shop", "--model", "pgan"),
        takes=lambda function: dataset_option(model_option(function)),
    )
    assert (workspace.dataset, workspace.model) == ("shop", "pgan")
    assert workspace.path("features") == root / "data/features/shop/pgan.h5"


def test_a_stage_without_names_sees_neither_data_set_nor_model(root: Path) -> None:
    assert seen_by_a_stage("--root", str(root)) == Workspace(root, "", "", root / "params.yaml")


def test_the_root_is_the_current_folder_unless_another_is_given(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    workspace = seen_by_a_stage()
    assert (workspace.root, workspace.parameters) == (Path(), Path("params.yaml"))


def test_a_parameter_file_elsewhere_may_be_given(root: Path, tmp_path: Path) -> None:
    other = (root / "params.yaml").rename(tmp_path / "other.yaml")
    assert seen_by_a_stage("--root", str(root), "--params", str(other)).parameters == other


@pytest.mark.parametrize("option", ["--dataset", "--model"])
def test_a_name_that_a_stage_needs_must_be_given(root: Path, option: str) -> None:
    def never(workspace: Workspace) -> None:
        raise AssertionError("must not run")

    names = [word for name in ("--dataset", "--model") if name != option for word in (name, "any")]
    result = CliRunner().invoke(stage(dataset_option(model_option(never))), ["--root", str(root), *names])
    assert result.exit_code == 2
    assert f"Missing option '{option}'" in result.output


@pytest.mark.parametrize("option", ["--dataset", "--model", "--trained-on"])
@pytest.mark.parametrize("name", ["../x", "a b", "$(id)", "", "..", "a/b"])
def test_a_name_that_would_leave_its_folder_is_refused(root: Path, option: str, name: str) -> None:
    def never(workspace: Workspace) -> None:
        raise AssertionError("must not run")

    names = {"--dataset": "shop", "--model": "pgan_lambda0.5", "--trained-on": "shop"} | {option: name}
    command = stage(dataset_option(model_option(trained_on_option(never))))
    words = [word for pair in names.items() for word in pair]
    result = CliRunner().invoke(command, ["--root", str(root), *words])
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: ValueError: {option}: expected a ")
    assert f"got {name!r}" in result.output


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "2", "many"])
def test_a_number_of_an_option_is_finite_and_in_its_range(root: Path, value: str) -> None:
    def never(workspace: Workspace, share: float) -> None:
        raise AssertionError("must not run")

    command = stage(click.option("--share", type=FiniteRange(max=1))(never))
    result = CliRunner().invoke(command, ["--root", str(root), "--share", value])
    assert result.exit_code == 2
    assert "Invalid value for '--share': " in result.output


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a.h5: wrong kind"),
        FileNotFoundError("a.h5: no such file"),
        KeyError("boxes"),
        RuntimeError("busy"),
        FloatingPointError("the loss is not finite"),
        MemoryError("97 GiB"),
        pickle.UnpicklingError("invalid load key"),
        csv.Error("line contains NUL"),
        EOFError("no more"),
    ],
)
def test_an_error_of_the_library_becomes_one_line(root: Path, error: Exception) -> None:
    def bad(workspace: Workspace, output: Path) -> None:
        raise error

    result = run(bad, root)
    assert result.exit_code == 1
    assert result.output == f"Error: {type(error).__name__}: {error}\n"


@pytest.mark.parametrize(
    ("named", "hint"),
    [
        ({"--dataset": "nope"}, "; --dataset: expected one of shop, street, mixed, got 'nope'"),
        ({"--model": "nope"}, "; --model: expected one of pgan, got 'nope'"),
        ({"--trained-on": "nope"}, "; --trained-on: expected one of shop, mixed, got 'nope'"),
        ({"--dataset": "street"}, ""),
        ({"--dataset": "linked", "--trained-on": "linked"}, ""),
    ],
)
def test_where_a_file_is_missing_names_that_are_nowhere_are_told_from_those_there_are(
    root: Path, named: dict[str, str], hint: str
) -> None:
    def bad(workspace: Workspace) -> None:
        raise FileNotFoundError("a.h5: no such file")

    (root / "data/raw/linked").mkdir(parents=True)
    lists = "datasets: [shop]\nfleets: [street]\njoint: [mixed]\nreid_models: {pgan: {}}\noverrides: {shop: {}}\n"
    (root / "params.yaml").write_text(lists)
    words = {"--dataset": "shop", "--model": "pgan", "--trained-on": "shop"} | named
    options = [word for pair in words.items() for word in pair]
    result = CliRunner().invoke(
        stage(dataset_option(model_option(trained_on_option(bad)))), ["--root", str(root), *options]
    )
    assert result.output == f"Error: FileNotFoundError: a.h5: no such file{hint}\n"


def test_the_help_of_a_stage_is_its_docstring(root: Path) -> None:
    def good(workspace: Workspace, output: Path) -> None:
        """Write something."""

    assert "Write something." in run(good, root, "--help").output


def test_a_command_is_named_as_its_stage() -> None:
    def evaluate_artifacts(workspace: Workspace) -> None:
        """Measure."""

    assert stage(evaluate_artifacts).name == "evaluate-artifacts"


def test_a_bug_keeps_its_traceback(root: Path) -> None:
    def bug(workspace: Workspace, output: Path) -> None:
        raise AssertionError("impossible")

    assert isinstance(run(bug, root).exception, AssertionError)


def test_an_edit_of_the_parameters_during_the_run_fails_it(root: Path) -> None:
    def edited(workspace: Workspace, output: Path) -> None:
        workspace.load("prepare", Size)
        workspace.parameters.write_text("prepare: {size: 4}\n")

    result = run(edited, root)
    assert result.exit_code == 1
    assert "params.yaml: prepare was edited while this stage ran" in result.output


def test_an_edit_of_a_section_the_stage_does_not_read_is_no_matter(root: Path) -> None:
    def edited(workspace: Workspace, output: Path) -> None:
        workspace.load("prepare", Size)
        workspace.parameters.write_text("prepare: {size: 3}\nreport: {quality: 9}\n")

    assert run(edited, root).exit_code == 0


@pytest.mark.parametrize("ends_well", [True, False])
def test_what_was_kept_for_an_interruption_goes_once_the_stage_has_ended_well(root: Path, ends_well: bool) -> None:
    def train_span(workspace: Workspace, output: Path) -> None:
        folder = workspace.scratch("train_span", {})
        folder.mkdir(parents=True)
        if not ends_well:
            raise ValueError("the disk is full")

    assert (run(train_span, root).exit_code == 0) == ends_well
    assert any((root / ".scratch/train_span").iterdir()) != ends_well


def test_names_that_would_drive_a_terminal_are_printed_escaped(root: Path) -> None:
    def bad(workspace: Workspace, output: Path) -> None:
        raise ValueError("\x1b[2Ja\x07.jpg \udcff größer")

    assert run(bad, root).output == "Error: ValueError: \\x1b[2Ja\\x07.jpg \\udcff größer\n"


@pytest.mark.parametrize("name", ["params.yaml", "absent.yaml"])
def test_an_absent_or_broken_parameter_file_becomes_one_line(root: Path, name: str) -> None:
    def never(workspace: Workspace, output: Path) -> None:
        raise AssertionError("must not run")

    (root / "params.yaml").write_text("prepare: [")
    result = run(never, root, "--params", str(root / name))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert name in result.output
    assert result.output.count("\n") == 1


def test_progress_hands_on_every_item_in_order() -> None:
    assert list(progress(iter("abc"), 3)) == ["a", "b", "c"]
