from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from pipeline.store.params import build, load, read, unchanged


@dataclass(frozen=True)
class Inner:
    rate: float
    kind: Literal["adam", "sgd"]


@dataclass(frozen=True)
class Outer:
    size: int
    share: float
    on: bool
    inner: Inner
    names: tuple[str, ...]
    pair: tuple[int, int]
    mapping: dict[str, int]
    maybe: Inner | None
    weight: float = 1.0


VALID = {
    "size": 3,
    "share": 1,
    "on": True,
    "inner": {"rate": 0.5, "kind": "sgd"},
    "names": ["a", "b"],
    "pair": [1, 2],
    "mapping": {"x": 1},
    "maybe": None,
}


def test_values_become_a_dataclass_of_the_declared_types() -> None:
    built = build(Outer, VALID, "section")
    assert built == Outer(3, 1.0, True, Inner(0.5, "sgd"), ("a", "b"), (1, 2), {"x": 1}, None)
    assert isinstance(built.share, float)
    assert build(Outer, VALID | {"maybe": VALID["inner"]}, "section").maybe == Inner(0.5, "sgd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": 3}, r"section: unknown key 'sizes'; known keys are .*size"),
        ({"size": 3.5}, r"section\.size: expected a whole number, got 3\.5"),
        ({"size": True}, r"section\.size: expected a whole number, got True"),
        ({"share": "1e-4"}, r"section\.share: expected a number, got '1e-4'"),
        ({"share": False}, r"section\.share: expected a number, got False"),
        ({"on": "false"}, r"section\.on: expected true or false, got 'false'"),
        ({"inner": {"rate": 1}}, r"section\.inner: key 'kind' is missing"),
        ({"inner": {"rate": 1, "kind": "lbfgs"}}, r"section\.inner\.kind: expected one of adam, sgd, got 'lbfgs'"),
        ({"inner": 3}, r"section\.inner: expected a mapping, got 3"),
        ({"names": "a"}, r"section\.names: expected a list, got 'a'"),
        ({"names": ["a", 2]}, r"section\.names\[1\]: expected text, got 2"),
        ({"pair": [1]}, r"section\.pair: expected a list of 2, got \[1\]"),
        ({"mapping": {"x": "y"}}, r"section\.mapping\.x: expected a whole number, got 'y'"),
        ({"maybe": {"rate": 1, "kind": "lbfgs"}}, r"section\.maybe\.kind: expected one of"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(Outer, VALID | change, "section")


def test_a_missing_key_is_named_and_a_default_is_none() -> None:
    with pytest.raises(ValueError, match="key 'size' is missing"):
        build(Outer, {key: value for key, value in VALID.items() if key != "size"}, "section")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(
        "optimiser: {rate: 1e-4, kind: adam}\n"
        "variants: {fast: {rate: 2e-4}, plain: {}}\n"
        "overrides: {fleet: {optimiser: {rate: 3e-4}}, empty: {optimiser: {}}, none: {}, bare: {optimiser: }}\n"
    )
    return path


def test_an_exponent_is_a_number_as_dvc_reads_it(file: Path) -> None:
    assert load(file, "optimiser", Inner) == Inner(1e-4, "adam")


@pytest.mark.parametrize(
    ("dataset", "variant", "rate"),
    [
        ("fleet", None, 3e-4),
        ("empty", None, 1e-4),
        ("none", None, 1e-4),
        ("bare", None, 1e-4),
        (None, "variants.fast", 2e-4),
        (None, "variants.plain", 1e-4),
        ("fleet", "variants.fast", 3e-4),
    ],
)
def test_the_data_set_wins_over_the_variant_and_the_variant_over_the_section(
    file: Path, dataset: str | None, variant: str | None, rate: float
) -> None:
    assert load(file, "optimiser", Inner, dataset=dataset, variant=variant) == Inner(rate, "adam")


@pytest.mark.parametrize(
    ("section", "dataset", "message"),
    [("prepare", None, "section 'prepare' is missing"), ("optimiser", "other", "'overrides.other' is missing")],
)
def test_an_absent_section_is_named(file: Path, section: str, dataset: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(file, section, Inner, dataset=dataset)


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "- 1\n", ""])
def test_a_file_that_is_no_mapping_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="broken.yaml") as raised:
        read(path)
    assert "\n" not in str(raised.value)


def test_an_edit_of_values_while_a_block_runs_is_noticed_and_one_of_comments_is_not(file: Path) -> None:
    with unchanged(file):
        file.write_text(file.read_text() + "# a comment\n")
    with pytest.raises(RuntimeError, match="was edited while this stage ran"), unchanged(file):
        file.write_text(file.read_text().replace("1e-4", "1e-5"))
