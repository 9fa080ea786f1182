"""Comments of `params.yaml`, written from the code, so that what a parameter means is said once."""

import dataclasses
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from pipeline.description.schema import meanings

WIDTH = 120
LEAST_COLUMN, GREATEST_COLUMN = 26, 50
"""Where comments of a section begin: behind its longest line, within these columns."""

TEXT = r"(?:\"[^\"]*\"|'[^']*'|[^\"'#]|(?<! )#)*"
"""YAML on one line, up to a comment."""

KEY = re.compile(rf"(?P<indent> *)(?P<key>[\w-]+):(?P<value>{TEXT})(?P<comment>#.*)?$")


def commented(text: str, sections: Mapping[str, type]) -> str:
    """Rewrite the comments of all sections that have a class; every other line stays as it is.

    Args:
        text: A parameter file.
        sections: Section -> its class, whose fields have docstrings.

    Returns:
        The file, each key of those sections with the first sentence of its field's docstring behind it.
    """
    lines: list[str] = []
    for block in _blocks(text.splitlines()):
        match = KEY.match(block[0])
        cls = sections.get(match["key"]) if match and not match["indent"] else None
        lines += block if cls is None else _section(block, cls)
    return "\n".join(lines) + "\n"


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines, each from one top-level key to before the next."""
    block: list[str] = []
    for line in lines:
        if block and line and not line[0].isspace() and not line.startswith("#"):
            yield block
            block = []
        block.append(line)
    yield block


def _section(block: list[str], cls: type) -> list[str]:
    bare = [line for line in block if not line.strip().startswith("#")]
    matches = [KEY.match(line) for line in bare]
    code = [match["indent"] + match["key"] + ":" + match["value"].rstrip() if match else "" for match in matches]
    column = max([LEAST_COLUMN, *(len(line) + 2 for line in code if len(line) + 2 <= GREATEST_COLUMN)])
    result: list[str] = []
    path: list[str] = []
    for line, text, match in zip(bare, code, matches, strict=True):
        if match is None:
            result.append(line)
            continue
        depth = len(match["indent"]) // 2
        path = [*path[:depth], match["key"]]
        meaning = _meaning(cls, path[1:]) if depth else None
        result += [line] if meaning is None else _with_comment(text, meaning, column)
    return result


def _with_comment(code: str, meaning: str, column: int) -> list[str]:
    room = "x" * max(0, len(code) + 1 - column)  # what a long line takes from its first comment
    first, *others = textwrap.wrap(
        meaning, WIDTH - column - 2, initial_indent=room, break_long_words=False, break_on_hyphens=False
    )
    return [f"{code.ljust(column - 1)} # {first[len(room) :]}", *(f"{' ' * column}# {line}" for line in others)]


def _meaning(cls: Any, path: list[str]) -> str | None:
    """First sentence of a field's docstring, without markup; None where a key is no field, as in a mapping of names."""
    for key in path[:-1]:
        hint = get_type_hints(cls).get(key)
        cls = next((option for option in (hint, *get_args(hint)) if dataclasses.is_dataclass(option)), None)
        if cls is None:
            return None
    meaning = meanings(cls).get(path[-1])
    if meaning is None:
        return None
    text = " ".join(meaning.split()).replace("``", "").replace("`", "")
    sentence = re.split(r"(?<=[^.\d])\. (?=[A-Z])", text)[0].rstrip(".")
    return sentence[0].lower() + sentence[1:] if re.match(r"(?:A|[A-Z][a-z]+)\b", sentence) else sentence
