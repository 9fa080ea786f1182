"""The command `reid`: every stage and tool as a subcommand, imported when it is asked for."""

import ast
import importlib
from pathlib import Path

import click

FOLDER = Path(__file__).parent
NO_COMMANDS = ("__init__", "cli", "command", "mapping")


class Stages(click.Group):
    """The modules of `stages`; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all subcommands."""
        modules = (file.stem for file in sorted(FOLDER.glob("*.py")))
        return [name.replace("_", "-") for name in modules if name not in NO_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one; dashes and underscores are the same."""
        name = cmd_name.replace("-", "_")
        if name in NO_COMMANDS or not (FOLDER / f"{name}.py").exists():
            return None
        command: click.Command = getattr(importlib.import_module(f"stages.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List subcommands by the first sentence of each one's help."""
        names = self.list_commands(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([(name, _help(FOLDER / f"{name.replace('-', '_')}.py")) for name in names])


def _help(file: Path) -> str:
    """First line of the docstring of a module's command, without importing it."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == file.stem:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


@click.command(cls=Stages, context_settings={"help_option_names": ["-h", "--help"]})
def reid() -> None:
    """Vehicle re-identification by parts and views: every stage of `dvc repro`, and tools to use by hand."""


if __name__ == "__main__":
    reid()
