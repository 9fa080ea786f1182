import json
from typing import Annotated

import pytest
from click.testing import CliRunner
from pydantic import Field
from tiny_run import PROJECT

from pipeline.description.comments import commented
from pipeline.description.schema import json_schema
from pipeline.description.sections import SECTIONS, networks
from pipeline.store import params
from pipeline.store.params import parameters
from stages.describe_params import SCHEMA, describe_params


@parameters
class InnerParams:
    """An inner part."""

    rate: Annotated[float, Field(gt=0)]
    """Learning rate of Adam. More of it is in the paper."""


@parameters
class OuterParams:
    """A section."""

    inner: InnerParams
    """What it holds."""
    sizes: dict[str, int]
    """Name -> size."""
    long: str
    """A meaning so long that it has to be continued on a second line, because no line of the file is longer than a
    hundred and twenty columns."""


TEXT = """# a head
other: 1  # by hand

section:  # its own remark
  inner: {rate: 3}
  sizes:   # an old comment
           # which went on
    small: 1  # no field, so no meaning
  long: "a # b"
"""


def test_comments_are_the_first_sentences_of_the_fields_docstrings() -> None:
    lines = commented(TEXT, {"section": OuterParams}).splitlines()
    assert lines[:4] == ["# a head", "other: 1  # by hand", "", "section:  # its own remark"]
    assert lines[4] == "  inner: {rate: 3}        # what it holds"
    assert lines[5] == "  sizes:                  # name -> size"
    assert lines[6] == "    small: 1  # no field, so no meaning"
    assert lines[7].startswith('  long: "a # b"           # a meaning so long')
    assert lines[8].startswith(f"{' ' * 26}# ")
    assert max(map(len, lines)) <= 120


def test_writing_comments_again_changes_nothing() -> None:
    once = commented(TEXT, {"section": OuterParams})
    assert commented(once, {"section": OuterParams}) == once


def test_the_schema_gives_meaning_range_and_overrides_and_allows_no_other_key() -> None:
    schema = json_schema({"section": OuterParams, "train_reid": InnerParams}, {"plain": InnerParams})
    rate = schema["$defs"]["section"]["properties"]["inner"]["properties"]["rate"]
    assert rate["exclusiveMinimum"] == 0
    assert rate["description"].startswith("Learning rate of Adam.")
    assert schema["$defs"]["section"]["additionalProperties"] is False
    data_set = schema["properties"]["overrides"]["additionalProperties"]["properties"]
    assert set(data_set) == {"section", "train_reid", "reid_models"}
    assert schema["$defs"]["reid_model"]["properties"]["network"]["enum"] == ["plain"]


def test_the_projects_parameters_and_schema_say_what_the_code_says() -> None:
    result = CliRunner().invoke(describe_params, ["--root", str(PROJECT), "--check"])
    assert result.exit_code == 0, result.output
    keys = set(params.read(PROJECT / "params.yaml"))
    assert keys == set(json.loads((PROJECT / SCHEMA).read_text(encoding="utf-8"))["properties"])


@pytest.mark.parametrize("cls", [*SECTIONS.values(), *networks().values()])
def test_every_parameter_has_a_meaning(cls: type) -> None:
    def undescribed(schema: dict[str, object], path: str) -> list[str]:
        found = []
        properties = schema.get("properties")
        for name, field in (properties if isinstance(properties, dict) else {}).items():
            found += [] if "description" in field else [f"{path}.{name}"]
            found += undescribed(field, f"{path}.{name}")
        return found

    whole = json_schema({"train_reid": cls}, {})["$defs"]["train_reid"]
    assert undescribed(whole, cls.__name__) == []
