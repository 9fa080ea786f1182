"""What a run is of: the lists of names in the parameter file."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.store import params
from pipeline.store.names import Kind, check_name

LISTS: dict[tuple[str, ...], Kind] = {
    ("datasets",): "data set",
    ("fleets",): "data set",
    ("models",): "model",
    ("joint",): "data set",
    ("across", "trained_on"): "data set",
    ("across", "tested_on"): "data set",
}
"""Keys of each list -> what it names."""

LENDERS = ("train_detector", "train_span")
"""Sections that name the data set on which the workspace's one network is trained."""


def listed(document: Mapping[str, Any], path: Path, *keys: str) -> list[str]:
    """The names of one list, each of which can be a path and a word of a command.

    Args:
        document: A parsed parameter file.
        path: Where it was read from, for messages.
        keys: Of the list, one of `LISTS`.

    Raises:
        ValueError: The list is missing or none, or a name in it cannot be used or stands there twice.
    """
    where = f"{path}: {'.'.join(keys)}"
    holder = params.mapping(document, path, *keys[:-1])
    if keys[-1] not in holder:
        raise ValueError(f"{where}: the list is missing; [] names none")
    names = holder[keys[-1]]
    if not isinstance(names, list):
        raise ValueError(f"{where}: expected a list of names, as [a, b], got {names!r}; [] names none")
    checked = [check_name(name, LISTS[keys], where) for name in names]
    if doubles := [name for name, count in Counter(checked).items() if count > 1]:
        raise ValueError(f"{where}: expected each name once, got {doubles[0]!r} {Counter(checked)[doubles[0]]} times")
    return checked


def across(document: Mapping[str, Any], path: Path) -> dict[str, list[str]]:
    """What is evaluated across data sets, ``trained_on`` and ``tested_on``; raises as `listed`."""
    return {key: listed(document, path, "across", key) for key in ("trained_on", "tested_on")}


def lenders(document: Mapping[str, Any], path: Path) -> dict[str, str]:
    """Section of `LENDERS` -> name of its data set.

    Raises:
        ValueError: A section is missing, or its name cannot be used.
    """
    named = {section: params.mapping(document, path, section).get("dataset") for section in LENDERS}
    return {section: check_name(name, "data set", f"{path}: {section}.dataset") for section, name in named.items()}


def check_names(document: Mapping[str, Any], path: Path) -> None:
    """Check every name that a run may take from the parameter file.

    Args:
        document: A parsed parameter file.
        path: Where it was read from, for messages.

    Raises:
        ValueError: A list is missing or none, a name cannot be used or is listed twice, or a model has no entry.
    """
    for keys in LISTS:
        listed(document, path, *keys)
    lenders(document, path)
    entries = params.mapping(document, path, "reid_models")
    for name in entries:
        check_name(name, "model", f"{path}: reid_models", dots=True)
    for name in listed(document, path, "models"):
        params.mapping(document, path, "reid_models", name)
