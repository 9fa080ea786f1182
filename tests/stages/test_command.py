from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from stages.command import PATH, stage


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text("prepare: {size: 3}\n")
    return path


def run(function: Callable[..., None], params_file: Path, *options: str) -> Result:
    command = stage(click.option("--output", type=PATH)(function))
    return CliRunner().invoke(command, ["--params", str(params_file), *options])


def test_a_stage_gets_its_options_and_the_parameter_file(params_file: Path) -> None:
    got = {}

    def good(params_path: Path, output: Path) -> None:
        """Write something."""
        got.update(params_path=params_path, output=output)
        click.echo("done")

    result = run(good, params_file, "--output", "a/b.h5")
    assert (result.exit_code, result.output) == (0, "done\n")
    assert got == {"params_path": params_file, "output": Path("a/b.h5")}


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a.h5: wrong kind"),
        FileNotFoundError("a.h5: no such file"),
        KeyError("boxes"),
        RuntimeError("busy"),
        FloatingPointError("the loss is not finite"),
    ],
)
def test_an_error_of_the_library_becomes_one_line(params_file: Path, error: Exception) -> None:
    def bad(params_path: Path, output: Path) -> None:
        raise error

    result = run(bad, params_file)
    assert result.exit_code == 1
    assert result.output == f"Error: {type(error).__name__}: {error}\n"


def test_the_help_of_a_stage_is_its_docstring(params_file: Path) -> None:
    def good(params_path: Path, output: Path) -> None:
        """Write something."""

    assert "Write something." in run(good, params_file, "--help").output


def test_a_bug_keeps_its_traceback(params_file: Path) -> None:
    def bug(params_path: Path, output: Path) -> None:
        raise AssertionError("impossible")

    assert isinstance(run(bug, params_file).exception, AssertionError)


def test_an_edit_of_the_parameters_during_the_run_fails_it(params_file: Path) -> None:
    def edited(params_path: Path, output: Path) -> None:
        params_path.write_text("prepare: {size: 4}\n")

    result = run(edited, params_file)
    assert result.exit_code == 1
    assert "was edited while this stage ran" in result.output


@pytest.mark.parametrize("name", ["params.yaml", "absent.yaml"])
def test_an_absent_or_broken_parameter_file_becomes_one_line(params_file: Path, name: str) -> None:
    def never(params_path: Path, output: Path) -> None:
        raise AssertionError("must not run")

    path = params_file.with_name(name)
    params_file.write_text("prepare: [")
    result = run(never, path)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert name in result.output
    assert result.output.count("\n") == 1
