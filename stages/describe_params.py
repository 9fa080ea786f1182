"""Writes what each parameter means, from its docstring, into params.yaml and docs/params.schema.json."""

import json

import click

from pipeline.description.comments import commented
from pipeline.description.schema import json_schema
from pipeline.description.sections import SECTIONS, networks
from pipeline.store import params
from pipeline.store.files import atomic, target_of
from pipeline.store.places import Workspace
from stages.command import stage

SCHEMA = "docs/params.schema.json"


@stage
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 if anything would change.")
def describe_params(workspace: Workspace, check: bool) -> None:
    """Say in params.yaml, and to editors, what each parameter means."""
    schema = json.dumps(json_schema(SECTIONS, networks()), indent=1, ensure_ascii=False) + "\n"
    before = workspace.parameters.read_text(encoding="utf-8")
    text = commented(before, SECTIONS)
    if params.parse(text, workspace.parameters) != params.parse(before, workspace.parameters):
        raise ValueError(f"{workspace.parameters}: a line is not as this command expects; write one key per line")
    written = {workspace.parameters: text, workspace.root / SCHEMA: schema}
    for path in () if check else written:
        target_of(path)  # both or neither
    for path, content in written.items():
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        if current == content:
            continue
        if check:
            raise ValueError(f"{path}: its descriptions are not those of the code; run `reid describe-params`")
        with atomic(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
        click.echo(f"{path}: written")


if __name__ == "__main__":
    describe_params()
