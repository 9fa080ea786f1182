from pathlib import Path
from typing import Any

import pytest

from pipeline.store.listed import LISTS, check_names, listed

PATH = Path("params.yaml")
DOCUMENT: dict[str, Any] = {
    "datasets": ["a", "b"],
    "fleets": [],
    "models": ["m"],
    "joint": [],
    "across": {"trained_on": [], "tested_on": ["a"]},
    "train_detector": {"dataset": "a"},
    "train_span": {"dataset": "a"},
    "reid_models": {"m": {}, "m_0.5": {}},
}


def with_list(keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    """`DOCUMENT` with another value of one list."""
    if len(keys) == 1:
        return DOCUMENT | {keys[0]: value}
    return DOCUMENT | {keys[0]: {**DOCUMENT[keys[0]], keys[1]: value}}


def test_a_list_is_given_as_it_stands() -> None:
    check_names(DOCUMENT, PATH)
    assert listed(DOCUMENT, PATH, "datasets") == ["a", "b"]
    assert listed(DOCUMENT, PATH, "across", "tested_on") == ["a"]


@pytest.mark.parametrize("keys", LISTS, ids=".".join)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "expected a list of names, as [a, b], got None; [] names none"),
        ("ab", "expected a list of names, as [a, b], got 'ab'; [] names none"),
        ({"a": 1}, "expected a list of names, as [a, b], got {'a': 1}; [] names none"),
        (["m", "x", "m"], "expected each name once, got 'm' 2 times"),
        ([3], "as text, got 3; write it in quotes"),
        (["../x"], "name of letters, digits, - and _, which DVC, the shell and file systems all take, got '../x'"),
        (["a b"], "all take, got 'a b'"),
        (["$(id)"], "all take, got '$(id)'"),
        (["m\n"], r"all take, got 'm\n'"),
    ],
)
def test_a_list_that_is_none_or_holds_what_cannot_be_a_name_is_refused(
    keys: tuple[str, ...], value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match="params.yaml: ") as caught:
        check_names(with_list(keys, value), PATH)
    assert str(caught.value).startswith(f"params.yaml: {'.'.join(keys)}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("keys", LISTS, ids=".".join)
def test_a_list_that_is_missing_is_named(keys: tuple[str, ...]) -> None:
    holder = DOCUMENT if len(keys) == 1 else DOCUMENT[keys[0]]
    left = {key: value for key, value in holder.items() if key != keys[-1]}
    with pytest.raises(ValueError, match=f"params.yaml: {'.'.join(keys)}: the list is missing"):
        check_names(left if len(keys) == 1 else DOCUMENT | {keys[0]: left}, PATH)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"across": None}, "section 'across' must be a mapping, got None"),
        ({"train_span": {}}, "train_span.dataset: expected the name of a data set as text, got None"),
        ({"train_detector": {"dataset": "a;b"}}, "train_detector.dataset: expected a data set's name of letters"),
        ({"reid_models": {"m": {}, "../x": {}}}, "reid_models: expected a model's name of letters, digits, -, _ and"),
        ({"reid_models": {"m": {}, "..": {}}}, "got '..'"),
        ({"reid_models": {"m": {}, 3: {}}}, "reid_models: expected the name of a model as text, got 3"),
        ({"models": ["m_0.5"]}, "models: expected a model's name of letters, digits, - and _"),
        ({"models": ["n"]}, "section 'reid_models.n' is missing; there are m, m_0.5"),
    ],
)
def test_every_other_name_that_becomes_a_path_is_checked_too(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="params.yaml: ") as caught:
        check_names(DOCUMENT | change, PATH)
    assert message in str(caught.value)
