import pickle
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, NonNegativeInt

from pipeline.store.params import Share, build, load, mapping, merge, model_values, parameters, read


@parameters
class Inner:
    rate: float
    kind: Literal["adam", "sgd"]


@parameters
class Outer:
    size: Annotated[int, Field(ge=1)]
    share: Share
    factor: Annotated[float, Field(gt=0, lt=10)]
    side: Annotated[int, Field(multiple_of=16)]
    on: bool
    inner: Inner
    names: tuple[str, ...]
    pair: tuple[int, int]
    counts: tuple[NonNegativeInt, ...]
    mapping: dict[str, int]
    maybe: Inner | None
    limit: float | None
    weight: float = 1.0


VALID: dict[str, Any] = {
    "size": 3,
    "share": 1,
    "factor": 0.5,
    "side": 32,
    "on": True,
    "inner": {"rate": 0.5, "kind": "sgd"},
    "names": ["a", "b"],
    "pair": [1, 2],
    "counts": [0],
    "mapping": {"x": 1},
    "maybe": None,
    "limit": None,
}


def test_values_become_a_dataclass_of_the_declared_types() -> None:
    built = build(Outer, VALID, "section")
    inner = Inner(0.5, "sgd")
    assert built == Outer(3, 1.0, 0.5, 32, True, inner, ("a", "b"), (1, 2), (0,), {"x": 1}, None, None)
    assert isinstance(built.share, float)
    assert build(Outer, VALID | {"maybe": VALID["inner"]}, "section").maybe == inner
    assert pickle.loads(pickle.dumps(built)) == built
    with pytest.raises(FrozenInstanceError):
        built.size = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": 3}, r"section: unknown key 'sizes'; known keys are .*size"),
        ({"size": 3.5}, r"section\.size: expected a whole number, got 3\.5"),
        ({"size": True}, r"section\.size: expected a whole number, got True"),
        ({"size": None}, r"section\.size: expected a whole number, got None"),
        ({"share": "1e-4"}, r"section\.share: expected a number, got '1e-4'"),
        ({"share": False}, r"section\.share: expected a number, got False"),
        ({"limit": "none"}, r"section\.limit: expected a number, got 'none'"),
        ({"on": "false"}, r"section\.on: expected true or false, got 'false'"),
        ({"on": 1}, r"section\.on: expected true or false, got 1"),
        ({"inner": {"rate": 1}}, r"section\.inner: key 'kind' is missing"),
        ({"inner": {"rate": 1, "kind": "lbfgs"}}, r"section\.inner\.kind: expected one of adam, sgd, got 'lbfgs'"),
        ({"inner": 3}, r"section\.inner: expected a mapping, got 3"),
        ({"names": "a"}, r"section\.names: expected a list, got 'a'"),
        ({"names": ["a", 2]}, r"section\.names\[1\]: expected text, got 2"),
        ({"pair": [1]}, r"section\.pair: expected a list of 2, got \[1\]"),
        ({"pair": [1, 2, 3]}, r"section\.pair: expected a list of 2, got \[1, 2, 3\]"),
        ({"pair": [1, "x"]}, r"section\.pair\[1\]: expected a whole number, got 'x'"),
        ({"mapping": {"x": "y"}}, r"section\.mapping\.x: expected a whole number, got 'y'"),
        ({"maybe": {"rate": 1, "kind": "lbfgs"}}, r"section\.maybe\.kind: expected one of adam, sgd"),
        ({"maybe": {"rate": 1, "kind": "sgd", "x": 1}}, r"section\.maybe: unknown key 'x'; known keys are kind, rate"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        build(Outer, VALID | change, "section")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, r"section\.size: expected 1 or more, got 0"),
        ({"share": 1.5}, r"section\.share: expected 1 or less, got 1\.5"),
        ({"share": -0.1}, r"section\.share: expected 0 or more, got -0\.1"),
        ({"factor": 0}, r"section\.factor: expected a number above 0, got 0"),
        ({"factor": 10}, r"section\.factor: expected a number below 10, got 10"),
        ({"side": 40}, r"section\.side: expected a multiple of 16, got 40"),
        ({"counts": [0, -1]}, r"section\.counts\[1\]: expected 0 or more, got -1"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_bound(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        build(Outer, VALID | change, "section")


@pytest.mark.parametrize("key", ["share", "factor", "limit"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^section\.{key}: expected a finite number, got {value}$"):
        build(Outer, VALID | {key: value}, "section")


def test_values_are_checked_wherever_an_instance_is_made() -> None:
    with pytest.raises(ValueError, match="kind"):
        Inner(rate=0.5, kind="lbfgs")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rate"):
        Inner(rate="0.5", kind="sgd")  # type: ignore[arg-type]


def test_a_missing_key_is_named_and_a_default_is_none() -> None:
    with pytest.raises(ValueError, match="^section: key 'size' is missing$"):
        build(Outer, {key: value for key, value in VALID.items() if key != "size"}, "section")


def test_an_unknown_key_is_named_before_those_that_are_missing() -> None:
    renamed = {"sizes" if key == "size" else key: value for key, value in VALID.items()}
    with pytest.raises(ValueError, match="^section: unknown key 'sizes'"):
        build(Outer, renamed, "section")
    with pytest.raises(ValueError, match=r"^section\.inner: unknown key 'rte'; known keys are kind, rate$"):
        build(Outer, VALID | {"inner": {"rte": 1, "kind": "sgd"}}, "section")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(
        "optimiser: {rate: 1e-4, kind: adam}\n"
        "network: {inner: {rate: 1e-4, kind: adam}, names: [a, b], size: 3}\n"
        "runtime: {seed: 0}\n"
        "overrides:\n"
        "  fleet: {optimiser: {rate: 3e-4}, network: {inner: {kind: sgd}, names: [c]}}\n"
        "  empty: {optimiser: {}}\n"
        "  none: {}\n"
        "  bare: {optimiser: }\n"
        "  barer:\n"
        "  a.b: {optimiser: {rate: 4e-4}}\n"
        "  misspelt: {optimizer: {rate: 1}}\n"
        "  whole_run: {runtime: {seed: 1}}\n"
        "  wrong: {optimiser: 3}\n"
        "  worse: 3\n"
    )
    return path


def test_an_exponent_is_a_number_as_dvc_reads_it(file: Path) -> None:
    assert load(file, "optimiser", Inner) == Inner(1e-4, "adam")


@pytest.mark.parametrize(
    ("dataset", "rate"),
    [
        ("fleet", 3e-4),
        ("a.b", 4e-4),
        ("a", 1e-4),
        ("empty", 1e-4),
        ("none", 1e-4),
        ("bare", 1e-4),
        ("barer", 1e-4),
        ("unheard_of", 1e-4),
        (None, 1e-4),
    ],
)
def test_the_data_set_wins_over_the_section_and_one_without_an_entry_changes_nothing(
    file: Path, dataset: str | None, rate: float
) -> None:
    assert load(file, "optimiser", Inner, dataset=dataset) == Inner(rate, "adam")


@parameters
class Network:
    inner: Inner
    names: tuple[str, ...]
    size: int


def test_an_override_changes_single_keys_at_every_depth_and_replaces_lists(file: Path) -> None:
    assert load(file, "network", Network, dataset="fleet") == Network(Inner(1e-4, "sgd"), ("c",), 3)


def test_layers_are_merged_without_a_change_to_any_of_them() -> None:
    base = {"a": {"b": {"c": 1, "d": 2}}, "e": [1], "f": {"g": 1}, "h": None}
    layer = {"a": {"b": {"c": 3}}, "e": [2], "f": None, "h": {"i": 1}}
    assert merge(base, layer, {"a": {"j": 4}}) == {
        "a": {"b": {"c": 3, "d": 2}, "j": 4},
        "e": [2],
        "f": None,
        "h": {"i": 1},
    }
    assert base == {"a": {"b": {"c": 1, "d": 2}}, "e": [1], "f": {"g": 1}, "h": None}


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (
            "misspelt",
            r"overrides\.misspelt: unknown section 'optimizer'; a data set may override optimiser, network",
        ),
        ("whole_run", r"overrides\.whole_run: unknown section 'runtime'; a data set may override optimiser, network"),
        ("wrong", r"overrides\.wrong\.optimiser: expected a mapping, got 3"),
        ("worse", r"overrides\.worse: expected a mapping, got 3"),
    ],
)
def test_an_override_that_overrides_nothing_is_refused(file: Path, dataset: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"params\.yaml: {message}$"):
        load(file, "optimiser", Inner, dataset=dataset)


def test_a_file_without_overrides_has_none(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("optimiser: {rate: 1, kind: adam}\n")
    assert load(tmp_path / "params.yaml", "optimiser", Inner, dataset="fleet") == Inner(1, "adam")


def test_an_absent_section_is_named(file: Path) -> None:
    with pytest.raises(ValueError, match="section 'prepare' is missing"):
        load(file, "prepare", Inner)
    with pytest.raises(ValueError, match=r"section 'optimiser\.inner' is missing"):
        mapping(read(file), file, "optimiser", "inner")
    with pytest.raises(ValueError, match=r"section 'optimiser\.kind' must be a mapping, got 'adam'"):
        mapping(read(file), file, "optimiser", "kind")


def test_a_models_values_come_from_four_layers_of_which_the_data_sets_own_entry_wins(tmp_path: Path) -> None:
    layers = {
        "train_reid": {"a": 1, "b": 1, "c": 1, "d": 1, "deep": {"a": 1, "d": 1}},
        "reid_models": {"m": {"b": 2, "c": 2, "d": 2, "network": "pgan"}, "other": {"d": 9, "network": "span"}},
        "overrides": {
            "set": {
                "train_reid": {"c": 3, "d": 3, "deep": {"d": 3}},
                "reid_models": {"m": {"d": 4, "deep": {"d": 4}}},
            }
        },
    }
    path = tmp_path / "params.yaml"
    values = model_values(layers, path, "set", "m")
    assert values == {"a": 1, "b": 2, "c": 3, "d": 4, "deep": {"a": 1, "d": 4}, "network": "pgan"}
    assert model_values(layers, path, "set", "other")["d"] == 3
    assert model_values(layers, path, "elsewhere", "m")["d"] == 2
    with pytest.raises(ValueError, match=r"params\.yaml: section 'reid_models\.absent' is missing; there are m, other"):
        model_values(layers, path, "set", "absent")


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "- 1\n", ""])
def test_a_file_that_is_no_mapping_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="broken.yaml") as raised:
        read(path)
    assert "\n" not in str(raised.value)
