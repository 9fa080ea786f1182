"""Sections of `params.yaml` as frozen dataclasses: unknown, missing, ill-typed and out-of-range values are refused."""

import copy
import dataclasses
import functools
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

T = TypeVar("T")

Share = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""

UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
"""Kinds of pydantic errors that say that a key is unknown."""

OF_THE_RUN = ("datasets", "fleets", "models", "joint", "across", "runtime", "overrides", "report")
"""Keys of a parameter file that no data set may override."""

EXPECTED: dict[str, str] = {
    "bool_type": "true or false",
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "{le:g} or less",
    "multiple_of": "a multiple of {multiple_of:g}",
    "none_required": "null",
    "string_type": "text",
    "tuple_type": "a list",
}
"""Kind of a pydantic error -> what was expected, in our words."""


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def parameters(cls: type[T]) -> type[T]:
    """Make a class of annotated fields a frozen dataclass whose values are checked whenever one is made.

    Types are strict (a whole number is no truth value, text is no number; a whole number serves as a number), and a
    docstring below a field becomes its description in the JSON schema.
    """
    config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
    return checked_dataclass(cls, frozen=True, config=config)  # type: ignore[return-value]  # its own protocol


def load(path: Path, section: str, cls: type[T], *, dataset: str | None = None) -> T:
    """Read one section of a parameter file.

    ``overrides.<dataset>.<section>`` wins over `section`, key by key at every depth.

    Args:
        path: The parameter file (YAML 1.2, read as DVC reads it).
        section: Top-level key that holds the values.
        cls: A class made by `parameters`.
        dataset: Data set whose overrides apply.

    Returns:
        An instance of `cls`.

    Raises:
        ValueError: The section is absent, or a key is unknown, missing, of another type or out of range.
    """
    return build(cls, section_values(path, section, dataset), f"{path}: {section}")


def section_values(path: Path, section: str, dataset: str | None) -> dict[str, Any]:
    """The values of a section as a data set has them, as they stand in the file; raises as `load`."""
    document = read(path)
    return merge(mapping(document, path, section), *overrides(document, path, dataset, (section,)))


def read(path: Path) -> dict[str, Any]:
    """Parse a parameter file.

    Raises:
        ValueError: The file is not a YAML mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 ({error})") from error
    return copy.deepcopy(_parsed(text, path))


@functools.lru_cache(maxsize=4)
def _parsed(text: str, path: Path) -> dict[str, Any]:
    """What `parse` gives; a stage reads one file many times, and each parsing takes a quarter of a second."""
    return parse(text, path)


def parse(text: str, path: Path) -> dict[str, Any]:
    """Parse the text of a parameter file, whose path opens messages; raises as `read`."""
    try:
        document = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ValueError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path}: expected a mapping of sections, got {type(document).__name__}")
    return document


def mapping(document: Mapping[str, Any], path: Path, *keys: str) -> Mapping[str, Any]:
    """The mapping under some keys, each below the one before, of a parsed parameter file.

    Raises:
        ValueError: It is absent or no mapping.
    """
    value: Any = document
    name = ".".join(keys)
    for depth, key in enumerate(keys):
        if not isinstance(value, Mapping) or key not in value:
            others = ", ".join(map(str, value)) if isinstance(value, Mapping) and depth else ""
            raise ValueError(f"{path}: section {name!r} is missing" + (f"; there are {others}" if others else ""))
        value = value[key]
    if not isinstance(value, Mapping):
        raise ValueError(f"{path}: section {name!r} must be a mapping, got {value!r}")
    return value


def overrides(
    document: Mapping[str, Any], path: Path, dataset: str | None, *sections: tuple[str, ...]
) -> list[Mapping[str, Any]]:
    """What a data set does differently in each of some sections; one that it leaves alone needs no entry.

    Args:
        document: A parsed parameter file.
        path: Where it was read from, for messages.
        dataset: Key under ``overrides``; None, or a data set without an entry, changes nothing.
        sections: Keys of each, as ``("train_reid",)`` or ``("reid_models", "pgan")``.

    Returns:
        One mapping a section.

    Raises:
        ValueError: An entry is no mapping, or stands for a section that the file lacks or no data set may override.
    """
    where = f"{path}: overrides.{dataset}"
    by_name = {str(name): changes for name, changes in _entry(document, "overrides", f"{path}: overrides").items()}
    changes = _entry(by_name, dataset or "", where)
    known = [key for key in document if key not in OF_THE_RUN]
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(f"{where}: unknown section {unknown[0]!r}; a data set may override {', '.join(known)}")
    found = []
    for keys in sections:
        value = changes
        for key in keys:
            value = _entry(value, key, f"{where}.{'.'.join(keys)}")
        found.append(value)
    return found


def _entry(holder: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """The mapping under a key, empty where there is none."""
    value = holder.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{where}: expected a mapping, got {value!r}")
    return value or {}


def merge(base: Mapping[str, Any], *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay mappings over `base`, key by key at every depth; anything that is no mapping on both sides is replaced."""
    merged = dict(base)
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            both = isinstance(below, Mapping) and isinstance(value, Mapping)
            merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def model_values(
    document: Mapping[str, Any], path: Path, dataset: str, model: str, *, asked_by: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The values that a re-ID model is trained with on a data set, as they stand in the file.

    Later layers win, key by key at every depth: `train_reid`, ``reid_models.<model>``,
    ``overrides.<dataset>.train_reid``, ``overrides.<dataset>.reid_models.<model>``. A model ``like`` another starts
    from all of the other's, the data set's overrides included, and its own entry and override win over them.

    Args:
        document: A parsed parameter file.
        path: Where it was read from, for messages.
        dataset: Name of the data set.
        model: A key of ``reid_models``.
        asked_by: Models that are like this one.

    Raises:
        ValueError: The model has no entry, or one that is no mapping; an override changes its network; or models are
            like one another in a circle.
    """
    where = f"{path}: reid_models.{model}"
    entry = dict(mapping(document, path, "reid_models", model))
    shared, own = overrides(document, path, dataset, ("train_reid",), ("reid_models", model))
    if {"network", "like"} & set(own):
        where = f"{path}: overrides.{dataset}.reid_models.{model}"
        raise ValueError(f"{where}: a model has one network; give another network a model of its own")
    if "like" not in entry:
        return merge(mapping(document, path, "train_reid"), entry, shared, own)
    other = entry.pop("like")
    if not isinstance(other, str) or "network" in entry:
        raise ValueError(f"{where}: expected network, or like: the name of another model; got like: {other!r}")
    if other not in document["reid_models"]:
        raise ValueError(f"{where}.like: expected the name of another model, got {other!r}")
    if other == model or other in asked_by:
        raise ValueError(f"{where}.like: expected a model that is not like this one, got {other!r}")
    return merge(model_values(document, path, dataset, other, asked_by=(*asked_by, model)), entry, own)


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Fill a class made by `parameters` from a mapping as YAML or JSON gives it.

    Args:
        cls: The class.
        values: Key to value, as parsed; lists serve as tuples.
        where: Prefix of every error message.

    Raises:
        ValueError: A key is unknown, missing, of another type or out of range.
    """
    try:
        filled: T = TypeAdapter(cls).validate_json(json.dumps(values, default=str))
        return filled
    except ValidationError as error:
        raise ValueError(_sentence(cls, error, where)) from None


def _sentence(cls: type[Any], error: ValidationError, where: str) -> str:
    """The first fault of an error in one sentence: where, what was expected, what came."""
    first = min(error.errors(include_url=False), key=lambda fault: fault["type"] not in UNKNOWN)  # before what it lacks
    *path, last = first["loc"] or ("",)
    kind, holder = first["type"], _type_at(cls, path)
    above = where + "".join(_step(step) for step in path)
    if kind in UNKNOWN:
        known = ", ".join(sorted(field.name for field in dataclasses.fields(holder)))
        return f"{above}: unknown key {last!r}; known keys are {known}"
    if kind == "missing" and dataclasses.is_dataclass(holder):
        return f"{above}: key {last!r} is missing"
    if kind == "missing" or (kind == "too_long" and get_origin(_type_at(cls, [*path, last])) is tuple):
        wanted, above = (holder, above) if kind == "missing" else (_type_at(cls, [*path, last]), above + _step(last))
        return f"{above}: expected a list of {len(get_args(wanted))}, got {first['input']!r}"
    here = above + _step(last)
    if kind == "value_error":
        return f"{here}: {first['ctx']['error']}" if last else f"{where}: {first['ctx']['error']}"
    return f"{here}: expected {_expected(_type_at(cls, [*path, last]), first)}, got {first['input']!r}"


def _expected(hint: Any, error: Any) -> str:
    if error["type"] == "literal_error":
        return f"one of {', '.join(map(str, get_args(hint)))}"
    text = EXPECTED.get(error["type"])
    return str(error["msg"]) if text is None else text.format(**error.get("ctx", {}))


def _step(key: int | str) -> str:
    return f"[{key}]" if isinstance(key, int) else f".{key}" if key else ""


def _type_at(cls: Any, path: list[int | str]) -> Any:
    """The type annotated at a place inside a class made by `parameters`, without ``| None`` and constraints."""
    hint: Any = cls
    for step in path:
        if dataclasses.is_dataclass(hint):
            hint = get_type_hints(hint).get(str(step))
        elif get_origin(hint) is tuple and get_args(hint)[-1] is not Ellipsis and isinstance(step, int):
            hint = get_args(hint)[step] if step < len(get_args(hint)) else None
        else:
            hint = next(iter(get_args(hint)[-1 if get_origin(hint) is dict else 0 :]), None)
        while get_origin(hint) in (Union, types.UnionType):
            hint = next(option for option in get_args(hint) if option is not type(None))
    return hint
