import datetime
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tiny_run import PROJECT

from pipeline.description.sections import SECTIONS
from pipeline.reid.params import load_model
from pipeline.settings.libraries import PICTURES
from pipeline.settings.resolution import BY_MODEL, write_resolved
from pipeline.store import params
from pipeline.store.code import LIBRARIES

OF_A_DATA_SET = {name: cls for name, cls in SECTIONS.items() if name not in (*params.OF_THE_RUN, *BY_MODEL)}
"""Section that a stage gets as its data set has it -> what the stage reads it as."""

DOCUMENT: dict[str, Any] = {
    "datasets": ["shop"],
    "fleets": ["fleet"],
    "models": ["plain", "attentive"],
    "joint": [],
    "across": {"trained_on": [], "tested_on": []},
    "runtime": {"seed": 0},
    "prepare": {"adapter": "table", "limits": {"min_side": 16, "max_pixels": 100}},
    "train_detector": {"dataset": "street", "epochs": 3},
    "train_span": {"dataset": "shop", "epochs": 3},
    "train_reid": {"a": 0, "b": 0, "c": 0, "d": 0, "schedule": {"epochs": 0, "rate": 0}},
    "reid_models": {
        "plain": {"network": "baseline"},
        "attentive": {"network": "pgan", "b": 1, "c": 1, "d": 1, "schedule": {"rate": 1}},
    },
    "report": {"queries": 6},
    "overrides": {
        "shop": {
            "prepare": {"limits": {"min_side": 1}},
            "train_reid": {"c": 2, "d": 2, "schedule": {"epochs": 2}},
            "reid_models": {"attentive": {"d": 3}},
        }
    },
}

Resolved = Callable[[dict[str, Any]], dict[str, Any]]
OTHERS = ("fleet", "street")
"""Data sets of `DOCUMENT` without overrides."""


@pytest.fixture
def resolved(project: Path) -> Resolved:
    """Writes the values of a parameter file and returns them by file."""

    def write(document: dict[str, Any]) -> dict[str, Any]:
        (project / "params.yaml").write_text(json.dumps(document))  # JSON is YAML
        folder = project / "data/params"
        count = write_resolved(folder, project / "params.yaml", project)
        found = {path.relative_to(folder).as_posix(): json.loads(path.read_text()) for path in folder.rglob("*.json")}
        assert len(found) == count
        return found

    return write


def test_every_data_set_gets_every_section_and_model_and_every_model_its_code(resolved: Resolved) -> None:
    sections = ("prepare", "train_detector", "train_span", "train_reid/plain", "train_reid/attentive")
    files = {f"datasets/{name}/{section}.json" for name in ("shop", "fleet", "street") for section in sections}
    found = resolved(DOCUMENT)
    versions = {f"libraries/{name}.json" for name in (*LIBRARIES, PICTURES)}
    assert set(found) == files | versions | {"networks/plain.json", "networks/attentive.json"}
    assert found["networks/attentive.json"]["network"] == "pgan"
    assert "pipeline/reid/models/pgan.py" in found["networks/attentive.json"]["code"]


def test_values_merge_at_every_depth_and_later_layers_win(resolved: Resolved) -> None:
    found = resolved(DOCUMENT)
    assert found["datasets/shop/prepare.json"] == {"adapter": "table", "limits": {"min_side": 1, "max_pixels": 100}}
    assert found["datasets/shop/train_reid/attentive.json"] == {
        "network": "pgan",
        **{"a": 0, "b": 1, "c": 2, "d": 3},
        "schedule": {"epochs": 2, "rate": 1},
    }
    plain = {"network": "baseline", "a": 0, "b": 0, "c": 2, "d": 2, "schedule": {"epochs": 2, "rate": 0}}
    assert found["datasets/shop/train_reid/plain.json"] == plain


def test_a_data_set_without_overrides_gets_the_sections_as_they_stand(resolved: Resolved) -> None:
    found = resolved(DOCUMENT)
    for section in ("prepare", "train_detector", "train_span"):
        assert found[f"datasets/fleet/{section}.json"] == DOCUMENT[section]
    assert found["datasets/fleet/train_reid/plain.json"] == DOCUMENT["train_reid"] | {"network": "baseline"}


@pytest.mark.parametrize(
    ("change", "files"),
    [
        ({"runtime": {"seed": 1}, "report": {"queries": 7}}, set()),
        ({"prepare": {"limits": {"min_side": 2}}}, {f"datasets/{name}/prepare.json" for name in OTHERS}),
        ({"train_reid": {"c": 9}}, {f"datasets/{name}/train_reid/plain.json" for name in OTHERS}),
        (
            {"reid_models": {"attentive": {"d": 9}}},
            {f"datasets/{name}/train_reid/attentive.json" for name in OTHERS},
        ),
        ({"overrides": {"shop": {"train_reid": {"d": 9}}}}, {"datasets/shop/train_reid/plain.json"}),
    ],
)
def test_an_edit_changes_the_files_of_those_alone_for_whom_the_value_counts(
    resolved: Resolved, change: dict[str, Any], files: set[str]
) -> None:
    before = resolved(DOCUMENT)
    after = resolved(params.merge(DOCUMENT, change))
    assert {name for name, values in after.items() if values != before[name]} == files


@pytest.mark.parametrize("dataset", ["synthetic", "vric"])
def test_what_is_written_is_what_each_stage_reads(resolved: Resolved, dataset: str) -> None:
    path = PROJECT / "params.yaml"
    document = params.read(path)
    found = resolved(document | {"datasets": [dataset]})
    for section, cls in OF_A_DATA_SET.items():
        written = params.build(cls, found[f"datasets/{dataset}/{section}.json"], section)
        assert written == params.load(path, section, cls, dataset=dataset)
    for model in document["models"]:
        written, read = found[f"datasets/{dataset}/train_reid/{model}.json"], load_model(path, dataset, model)
        assert written.pop("network") == read.network
        for part in (read.training, read.own):
            values = {name: written.pop(name) for name in vars(part) if name in written}
            assert params.build(type(part), values, model) == part
        assert written == {}


def test_the_sections_of_the_project_are_all_known(resolved: Resolved) -> None:
    found = resolved(params.read(PROJECT / "params.yaml"))
    sections = {Path(name).stem for name in found if name.count("/") == 2}
    assert sections == set(OF_A_DATA_SET)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"overrides": {"shop": {"grab": {}}}},
            r"overrides\.shop: unknown section 'grab'; a data set may override prepare, ",
        ),
        ({"overrides": {"shop": {"prepare": 3}}}, r"overrides\.shop\.prepare: expected a mapping, got 3"),
        ({"prepare": 3}, "section 'prepare' must be a mapping, got 3"),
        ({"models": ["absent"]}, r"section 'reid_models\.absent' is missing; there are plain, attentive"),
        ({"datasets": None}, r"datasets: expected a list of names, as \[a, b\], got None"),
        ({"models": ["plain", "plain"]}, r"models: expected each name once, got 'plain' 2 times"),
        ({"train_span": {"dataset": "../x"}}, r"train_span\.dataset: expected a data set's name of letters"),
        (
            {"reid_models": {"plain": {"network": "vgg"}, "attentive": {"network": "pgan"}}},
            r"reid_models\.plain: network: expected one of .*pgan.*, got 'vgg'",
        ),
    ],
)
def test_a_mistake_is_named_and_what_was_there_stays_as_it_was(
    resolved: Resolved, project: Path, change: dict[str, Any], message: str
) -> None:
    before = resolved(DOCUMENT)
    with pytest.raises(ValueError, match=message):
        resolved(DOCUMENT | change)
    assert [path.name for path in (project / "data").iterdir() if path.name != ".params.lock"] == ["params"]
    folder = project / "data/params"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(before)
    assert all(json.loads((folder / name).read_text()) == values for name, values in before.items())


def test_a_model_that_is_gone_leaves_no_file_behind(resolved: Resolved) -> None:
    resolved(DOCUMENT)
    assert not [name for name in resolved(DOCUMENT | {"models": ["plain"]}) if "attentive" in name]


def write_yaml(project: Path, document: dict[str, Any]) -> None:
    with open(project / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_named_by_its_key(project: Path, value: float) -> None:
    changed = {"shop": {"prepare": {"limits": {"sides": [1, value]}}}}
    write_yaml(project, DOCUMENT | {"overrides": changed})
    with pytest.raises(ValueError, match=r"overrides\.shop\.prepare\.limits\.sides\[1\]: expected a finite number"):
        write_resolved(project / "data/params", project / "params.yaml", project)
    assert not (project / "data/params").exists()


def test_what_yaml_alone_has_is_written_as_text(project: Path) -> None:
    own = {"shop": {"prepare": {"since": datetime.date(2024, 1, 2), "categories": {1: "wheel", "b": None}}}}
    write_yaml(project, DOCUMENT | {"overrides": own})
    write_resolved(project / "data/params", project / "params.yaml", project)
    written = json.loads((project / "data/params/datasets/shop/prepare.json").read_text())
    assert (written["since"], written["categories"]) == ("2024-01-02", {"1": "wheel", "b": None})


@pytest.mark.parametrize("key", ["datasets", "fleets", "models", "joint"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("v1.0", "letters, digits, - and _"),
        ("my cars", "letters, digits, - and _"),
        ("a;b", "letters, digits, - and _"),
        ("../x", "letters, digits, - and _"),
        ("-x", "letters, digits, - and _"),
        ("é", "letters, digits, - and _"),
        ("", "letters, digits, - and _"),
        (2024, "write it in quotes"),
        (True, "write it in quotes"),
    ],
)
def test_a_name_that_dvc_or_a_shell_would_split_is_refused_before_anything_is_written(
    resolved: Resolved, project: Path, key: str, name: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"params\.yaml: {key}: expected .*{message}.*"):
        resolved({**DOCUMENT, key: [name]})
    assert not (project / "data/params").exists()


@pytest.mark.parametrize("name", ["mine", "2024", "My_Cars-2"])
def test_one_line_of_overrides_gives_a_data_set_every_value_of_every_stage(
    resolved: Resolved, project: Path, name: str
) -> None:
    document = params.read(PROJECT / "params.yaml")
    document |= {"datasets": [name], "overrides": {name: {"prepare": {"adapter": "table"}}}}
    found = resolved(document)
    for section, cls in OF_A_DATA_SET.items():
        params.build(cls, found[f"datasets/{name}/{section}.json"], section)
    for model in document["models"]:
        load_model(project / "params.yaml", name, model)


@pytest.mark.parametrize("section", ["runtime", "report", "datasets", "prepair"])
def test_a_data_set_overrides_nothing_that_belongs_to_the_run(resolved: Resolved, section: str) -> None:
    with pytest.raises(
        ValueError, match=rf"overrides\.shop: unknown section '{section}'; a data set may override prep"
    ):
        resolved({**DOCUMENT, "overrides": {"shop": {section: {}}}})


def test_a_data_set_cannot_change_a_models_network_whose_code_is_tracked(resolved: Resolved) -> None:
    changed = {"shop": {"reid_models": {"attentive": {"network": "baseline"}}}}
    with pytest.raises(ValueError, match=r"overrides\.shop\.reid_models\.attentive: a model has one network"):
        resolved({**DOCUMENT, "overrides": changed})
