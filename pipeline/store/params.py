"""`params.yaml` sections as frozen dataclasses: unknown, missing and ill-typed keys are refused by name."""

import contextlib
import dataclasses
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

T = TypeVar("T")


def load(path: Path, section: str, cls: type[T], *, dataset: str | None = None, variant: str | None = None) -> T:
    """Read one section of a parameter file into a frozen dataclass.

    Later layers win, key by key: `section`, then `variant` (a dotted path to a mapping of differences, as
    ``reid_models.pgan``), then ``overrides.<dataset>.<section>``.

    Args:
        path: The parameter file (YAML 1.2, read as DVC reads it).
        section: Top-level key that holds the values.
        cls: Dataclass to fill; its field types are enforced.
        dataset: Data set whose overrides apply.
        variant: Dotted path of a further mapping laid over the section.

    Returns:
        An instance of `cls`.

    Raises:
        ValueError: The section is absent, or a key is unknown, missing or of another type.
    """
    document = read(path)
    values = dict(_mapping(document, section, path))
    if variant is not None:
        values |= _mapping(document, variant, path)
    if dataset is not None:
        values |= _mapping(document, f"overrides.{dataset}", path).get(section) or {}
    return build(cls, values, f"{path}: {section}")


def read(path: Path) -> dict[str, Any]:
    """Parse a parameter file.

    Raises:
        ValueError: The file is not a YAML mapping.
    """
    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a YAML file: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path}: expected a mapping of sections, got {type(document).__name__}")
    return document


@contextlib.contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Fail when the parameter file was edited while the block ran.

    DVC hashes parameters after a stage's command, so a mid-run edit would be recorded as what made the output.

    Raises:
        RuntimeError: The parsed parameters differ between entry and exit.
    """
    before = read(path)
    yield
    if read(path) != before:
        raise RuntimeError(
            f"{path} was edited while this stage ran; its output was not made by the values now there. Run again."
        )


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Fill dataclass `cls` from a mapping, checking names and types.

    Args:
        cls: A dataclass; fields may be scalars, `Literal`s, optionals, tuples, `dict`s and dataclasses.
        values: Key to value, as parsed.
        where: Prefix of every error message.

    Raises:
        ValueError: A key is unknown, missing or of another type.
    """
    hints = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; known keys are {', '.join(sorted(fields))}")
    required = {name for name, field in fields.items() if _has_no_default(field)}
    missing = sorted(required - set(values))
    if missing:
        raise ValueError(f"{where}: key {missing[0]!r} is missing")
    return cls(**{name: _convert(value, hints[name], f"{where}.{name}") for name, value in values.items()})


def _has_no_default(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _mapping(document: Mapping[str, Any], dotted: str, path: Path) -> Mapping[str, Any]:
    value: Any = document
    for key in dotted.split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise ValueError(f"{path}: section {dotted!r} is missing")
        value = value[key]
    if not isinstance(value, Mapping):
        raise ValueError(f"{path}: section {dotted!r} must be a mapping, got {value!r}")
    return value


def _convert(value: Any, hint: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(value, arguments, where)
    if origin is Literal:
        return _checked(value in arguments, value, f"one of {', '.join(map(str, arguments))}", where)
    if origin is tuple:
        return _convert_tuple(value, arguments, where)
    if origin is dict:
        _checked(isinstance(value, Mapping), value, "a mapping", where)
        return {
            _convert(key, arguments[0], where): _convert(item, arguments[1], f"{where}.{key}")
            for key, item in value.items()
        }
    if dataclasses.is_dataclass(hint):
        _checked(isinstance(value, Mapping), value, "a mapping", where)
        return build(hint, value, where)  # type: ignore[arg-type]
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(_checked(number, value, "a number", where))
    if hint is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return _checked(whole, value, "a whole number", where)
    return _checked(isinstance(value, hint), value, {bool: "true or false", str: "text"}.get(hint, str(hint)), where)


def _convert_union(value: Any, options: tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in options:
        return None
    errors = []
    for option in options:
        if option is not type(None):
            try:
                return _convert(value, option, where)
            except ValueError as error:
                errors.append(str(error))
    raise ValueError(errors[0])


def _convert_tuple(value: Any, arguments: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    _checked(isinstance(value, list | tuple), value, "a list", where)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_convert(item, arguments[0], f"{where}[{index}]") for index, item in enumerate(value))
    _checked(len(value) == len(arguments), value, f"a list of {len(arguments)}", where)
    return tuple(
        _convert(item, hint, f"{where}[{index}]")
        for index, (item, hint) in enumerate(zip(value, arguments, strict=True))
    )


def _checked(holds: bool, value: Any, expected: str, where: str) -> Any:
    if not holds:
        raise ValueError(f"{where}: expected {expected}, got {value!r}")
    return value
