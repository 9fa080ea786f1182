import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tiny_run import PROJECT

from stages.cli import NO_COMMANDS, reid
from stages.command import FiniteRange


def test_every_stage_and_tool_is_listed_with_what_it_does() -> None:
    listed = CliRunner().invoke(reid, ["--help"], terminal_width=200).output
    modules = {file.stem for file in (PROJECT / "stages").glob("*.py")} - set(NO_COMMANDS)
    rows = dict(re.findall(r"^  ([a-z][\w-]+)  +(\S.*)$", listed, re.MULTILINE))
    rows = {name.replace("-", "_"): help_text for name, help_text in rows.items()}
    assert modules <= set(rows)
    assert rows["grabcut"] == "Segment every image."


@pytest.mark.parametrize("name", ["train-reid", "train_reid"])
def test_a_subcommand_is_found_by_either_spelling(name: str) -> None:
    result = CliRunner().invoke(reid, [name, "--help"])
    assert result.exit_code == 0
    assert "--model" in result.output


@pytest.mark.parametrize(
    ("name", "option"), [("export", "--tolerance"), ("ablations", "--held-out"), ("clean", "--older-than")]
)
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_number_that_is_not_finite_is_refused(name: str, option: str, value: str) -> None:
    result = CliRunner().invoke(reid, [name, option, value])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': " in result.output


def test_every_number_that_may_be_a_fraction_is_checked_to_be_finite() -> None:
    context = click.Context(reid)
    types = {
        f"{name} {option.name}": option.type
        for name in reid.list_commands(context)
        for option in reid.get_command(context, name).params
    }
    taken = [name for name, kind in types.items() if isinstance(kind, click.types.FloatParamType | click.FloatRange)]
    assert [name for name in taken if not isinstance(types[name], FiniteRange)] == []


@pytest.mark.parametrize("name", ["command", "cli", "absent"])
def test_what_is_no_command_is_refused(name: str) -> None:
    result = CliRunner().invoke(reid, [name])
    assert result.exit_code == 2
    assert f"No such command '{name}'" in result.output


def test_the_shell_completes_names_from_the_parameters() -> None:
    environment = {"_REID_COMPLETE": "bash_complete", "COMP_WORDS": "reid embed --model ", "COMP_CWORD": "3"}
    command = [sys.executable, "-c", "from stages.cli import reid; reid(prog_name='reid')"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, text=True, capture_output=True, check=True)
    assert {"plain,baseline", "plain,pgan", "plain,span_cpdm"} <= set(done.stdout.split())


def test_listing_commands_imports_no_torch() -> None:
    listing = "import sys; from stages.cli import reid; reid(['--help'], standalone_mode=False)"
    code = f"{listing}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=Path(PROJECT), check=True, capture_output=True)
