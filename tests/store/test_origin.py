import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from pipeline.artifacts.foreground import write_foreground
from pipeline.networks import weights
from pipeline.store.origin import MAKERS, current, origin_of
from pipeline.store.params import read
from pipeline.store.places import PLACES, Workspace

PROJECT = Path(__file__).parents[2]
RANKINGS = {"ranking", "ranking_across"}
OF_REID = {"features", "features_across", *RANKINGS}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    return Workspace(tmp_path, "plain", "pgan", tmp_path / "params.yaml", trained_on="lent")


def edit(workspace: Workspace, *keys: str, value: object) -> None:
    document = read(workspace.parameters)
    section = document
    for key in keys[:-1]:
        section = section.setdefault(key, {})
    section[keys[-1]] = value
    with open(workspace.parameters, "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)


def changed_by(workspace: Workspace, *keys: str, value: object) -> set[str]:
    """Outputs that an edit of the parameters makes others."""
    before = {name: origin_of(workspace, name) for name in MAKERS}
    edit(workspace, *keys, value=value)
    return {name for name in MAKERS if origin_of(workspace, name) != before[name]}


def test_every_maker_is_a_place_and_its_section_that_of_its_stage() -> None:
    for name, maker in MAKERS.items():
        assert maker.section in ("", PLACES[name].stage.removesuffix("_across"))
        assert set(maker.inputs) <= set(MAKERS)


@pytest.mark.parametrize(
    ("keys", "value", "expected"),
    [
        (("evaluate", "curve_length"), 7, RANKINGS),
        (("train_reid", "learning_rate"), 0.5, {"reid", *OF_REID}),
        (("reid_models", "span_cpdm", "global_dimension"), 5, set()),
        (("overrides", "other", "train_reid"), {"learning_rate": 0.5}, set()),
        (("detect_parts", "max_parts"), 3, {"parts", "reid", *OF_REID}),
        (("predict_foreground", "size"), 9, {"foreground", "part_masks", "reid", *OF_REID}),
        (("report", "quality"), 9, set()),
        (("runtime", "workers"), 3, set()),
        (("runtime", "seed"), 3, set(MAKERS) - {"images", "grabcut"}),
    ],
)
def test_an_edit_changes_what_it_decides_and_nothing_else(
    workspace: Workspace, keys: tuple[str, ...], value: object, expected: set[str]
) -> None:
    assert changed_by(workspace, *keys, value=value) == expected


def test_a_shared_network_fits_every_data_set_and_others_their_own(workspace: Workspace) -> None:
    other = Workspace(workspace.root, "other", "pgan", workspace.parameters)
    same = {name for name in MAKERS if origin_of(workspace, name) == origin_of(other, name)}
    assert same == {"detector", "span"}


def test_weights_and_caches_of_other_values_or_another_data_set_are_refused(workspace: Workspace) -> None:
    origin = {"origin": origin_of(workspace, "reid")}
    weights.save(workspace.path("reid"), {"a": torch.zeros(1)}, "reid/1", origin)
    masks = [np.zeros((1, 2, 2), np.uint8)]
    write_foreground(workspace.path("foreground"), "t", 1, 2, masks, origin_of(workspace, "foreground"))
    for name in ("reid", "foreground"):
        assert current(workspace, name) == workspace.path(name)
    edit(workspace, "predict_foreground", "mirrored_too", value=False)
    edit(workspace, "train_reid", "weight_decay", value=0.25)
    for name in ("reid", "foreground"):
        with pytest.raises(ValueError, match=r"made by values of digest \w+, expected \w+, those of .*params\.yaml"):
            current(workspace, name)
    other = Workspace(workspace.root, "other", "pgan", workspace.parameters)
    other.path("foreground").write_bytes(workspace.path("foreground").read_bytes())
    with pytest.raises(ValueError, match=r"other\.h5: expected a file made for 'other', got one for 'plain'"):
        current(other, "foreground")


def test_a_file_that_does_not_say_what_made_it_is_taken_and_junk_is_not(workspace: Workspace) -> None:
    write_foreground(workspace.path("foreground"), "t", 1, 2, [np.zeros((1, 2, 2), np.uint8)], {})
    assert current(workspace, "foreground").exists()
    workspace.path("detector").parent.mkdir(parents=True, exist_ok=True)
    workspace.path("detector").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"detector\.safetensors: not weights of this pipeline"):
        current(workspace, "detector")


def test_features_across_depend_on_both_data_sets_and_a_joint_model_on_all_its_members(workspace: Workspace) -> None:
    model_there = replace(workspace, dataset="lent", trained_on="")
    before = {seen: origin_of(seen, name) for seen, name in ((workspace, "features_across"), (model_there, "reid"))}
    edit(workspace, "overrides", "lent", value={"train_reid": {"learning_rate": 0.5}})
    assert origin_of(model_there, "reid") != before[model_there]
    assert origin_of(workspace, "features_across") != before[workspace]
    joint = replace(workspace, dataset="mixed", trained_on="")
    edit(workspace, "overrides", "mixed", value={"train_reid": {"together": ["one", "two"]}})
    before[joint] = origin_of(joint, "reid")
    edit(workspace, "overrides", "three", value={"detect_parts": {"max_parts": 3}})
    assert origin_of(joint, "reid") == before[joint]
    edit(workspace, "overrides", "two", value={"detect_parts": {"max_parts": 3}})
    assert origin_of(joint, "reid") != before[joint]
