"""Merges two lock files of DVC that each had stages added or run, stage by stage.

DVC cannot read a file with conflict markers, and Git compares lines, so that two data sets added at one place always
clash. A lock file is a table of stages, each of which is right or outdated by itself, and `dvc repro` runs what is
outdated.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Side = Literal["ours", "theirs"]
SCHEMA = "2.0"
"""Version of the lock file's format that is understood."""


@dataclass(frozen=True)
class Merged:
    """A merged lock file.

    Attributes:
        text: Its text.
        sides: Stage -> whose entry stands in it, for each stage that differed.
        outputs: Path of an output of such a stage -> the same.
        clashing: Stages that both sides ran with different results, sorted.
    """

    text: str
    sides: dict[str, Side]
    outputs: dict[str, Side]
    clashing: list[str]


def merge_locks(base: str, ours: str, theirs: str, prefer: Side = "ours") -> Merged:
    """Merge two lock files by what each did since they parted.

    A stage that one side alone added, ran or removed is as that side has it; of one that both ran, the entry of the
    preferred side stands.

    Args:
        base: Text of the file that both come from; "" where there was none.
        ours: Text of the file here.
        theirs: Text of the other.
        prefer: Whose entry stands where both ran a stage.

    Returns:
        The merged file.

    Raises:
        ValueError: A text is no lock file of DVC; the message names the side.
    """
    before, mine, other = _stages(base, "base"), _stages(ours, "ours"), _stages(theirs, "theirs")
    merged: dict[str, Any] = {}
    sides: dict[str, Side] = {}
    clashing = []
    for name in [*mine, *(name for name in other if name not in mine)]:
        entries: dict[Side, Any] = {"ours": mine.get(name), "theirs": other.get(name)}
        side: Side = "theirs" if entries["ours"] == before.get(name) else "ours"
        if before.get(name) not in entries.values():
            side = prefer
            if entries["ours"] != entries["theirs"]:
                clashing.append(name)
        if entries["ours"] != entries["theirs"]:
            sides[name] = side
        if entries[side] is not None:
            merged[name] = entries[side]
    outputs = {str(out["path"]): side for name, side in sides.items() for out in merged.get(name, {}).get("outs", ())}
    return Merged(_text(merged), sides, outputs, sorted(clashing))


def _stages(text: str, side: str) -> dict[str, Any]:
    """Stage -> its entry, in order."""
    if not text:
        return {}
    try:
        document = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ValueError(f"dvc.lock ({side}): not YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, Mapping) else type(document).__name__
        raise ValueError(f"dvc.lock ({side}): expected a lock file of schema {SCHEMA!r}, got {found!r}")
    return dict(document.get("stages") or {})


def _text(stages: Mapping[str, Any]) -> str:
    """The lock file as DVC writes it."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump({"schema": SCHEMA, "stages": dict(stages)}, stream := io.StringIO())
    return stream.getvalue()
