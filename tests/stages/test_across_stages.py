import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_vehicles import TinyData, rewrite_cache
from tiny_run import TINY, copy_for_another, invoke, run_stage, write_overrides, write_params

from pipeline.artifacts.features import read_features
from pipeline.networks import weights
from pipeline.report.across import across_table
from pipeline.store.params import merge
from stages.embed import embed
from stages.embed_across import embed_across
from stages.evaluate import evaluate
from stages.evaluate_across import evaluate_across
from stages.train_reid import train_reid
from stages.train_together import train_together

KINDS = ("images", "parts", "part_masks")


@pytest.fixture
def data(finished_run: TinyData, tmp_path: Path) -> TinyData:
    """A finished run of the data set `tiny`, with a copy of it called `other`, and what is trained on both: `mixed`."""
    data = finished_run.copy(tmp_path)
    write_params(data.root)
    other = TinyData(data.root, "other")
    together = {"train_reid": {"together": ["tiny", "other"]}}
    write_overrides(data.root, {"other": TINY, "mixed": merge(TINY, together)})
    for kind in KINDS:
        copy_for_another(data, other, kind)
    return data


def across(stage: Any, data: TinyData, trained_on: str, dataset: str, model: str) -> str:
    result = invoke(stage, data.root, "--trained-on", trained_on, dataset=dataset, model=model)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("model", ["baseline", "pgan", "span_cpdm"])
def test_a_model_of_several_data_sets_is_tested_on_each(data: TinyData, model: str) -> None:
    printed = run_stage(train_together, data.root, dataset="mixed", model=model)
    assert "4 vehicles of tiny, other" in printed, "two of each, though they are called the same"
    metadata = weights.load(TinyData(data.root, "mixed").path("reid", model), "reid/1")[1]
    assert metadata["classes"] == 4
    for dataset in ("tiny", "other"):
        assert "4 features" in across(embed_across, data, "mixed", dataset, model)
        assert "mAP" in across(evaluate_across, data, "mixed", dataset, model)
        workspace = replace(data.workspace(model), dataset=dataset, trained_on="mixed")
        metrics = json.loads(workspace.path("metrics_across").read_text())
        assert [metrics[name] for name in ("trained_on", "dataset", "model")] == ["mixed", dataset, model]
    run_stage(embed, data.root, model=model)
    run_stage(evaluate, data.root, model=model)
    table = across_table(data.root, ["tiny"], [model], {"trained_on": ["mixed"], "tested_on": ["tiny", "other"]})
    assert table is not None
    assert table.heads == ["trained on", "tested on tiny", "tested on other"]
    (group,) = table.groups
    texts = {trained: [cell.text for cell in cells] for trained, cells in group.rows}
    assert list(texts) == ["tiny", "mixed"]
    assert texts["tiny"][1] == "", "not evaluated"
    assert texts["mixed"][1] == f"{100 * metrics['mAP']:.1f} / {100 * metrics['CMC']['1']:.1f}"


def test_a_data_sets_own_model_gives_the_same_features_across_as_at_home(data: TinyData) -> None:
    across(embed_across, data, "tiny", "tiny", "pgan")
    there = replace(data.workspace("pgan"), trained_on="tiny").path("features_across")
    found = [read_features(path, data.store.digest)[0] for path in (data.path("features", "pgan"), there)]
    np.testing.assert_array_equal(found[0].features, found[1].features)


def test_caches_of_another_detector_are_refused(data: TinyData) -> None:
    parts = TinyData(data.root, "other").path("parts")
    rewrite_cache(parts, parts, {"detector": "0" * 64})
    for stage, options in ((embed_across, {"dataset": "other"}), (train_together, {"dataset": "mixed"})):
        words = ["--trained-on", "tiny"] if stage is embed_across else []
        result = invoke(stage, data.root, *words, model="pgan", **options)
        assert result.exit_code == 1
        assert "other.h5: made with detector 000000000000, expected" in result.output


def test_what_does_not_fit_in_one_batch_is_named(data: TinyData) -> None:
    parts = TinyData(data.root, "other").path("parts")
    rewrite_cache(parts, parts, change=lambda values: values[:, :3])
    result = invoke(train_together, data.root, dataset="mixed", model="pgan")
    assert result.exit_code == 1
    assert "expected boxes of shape (6, 4) as in" in result.output


def test_a_joint_set_needs_two_data_sets_and_a_data_set_none(data: TinyData) -> None:
    write_overrides(data.root, {"mixed": {"train_reid": {"together": ["tiny", "tiny"]}}})
    result = invoke(train_together, data.root, dataset="mixed", model="baseline")
    assert "expected two different data sets or more under overrides.mixed.train_reid.together" in result.output
    write_overrides(data.root, {"tiny": {"train_reid": {"together": ["tiny", "other"]}}})
    result = invoke(train_reid, data.root, model="baseline")
    assert result.exit_code == 1
    assert "train_reid.together is for the names under joint" in result.output


def test_joint_training_repeats_byte_for_byte(data: TinyData) -> None:
    written = []
    for _ in range(2):
        run_stage(train_together, data.root, dataset="mixed", model="baseline")
        written.append(TinyData(data.root, "mixed").path("reid", "baseline").read_bytes())
    assert written[0] == written[1]


def test_no_table_is_made_where_nothing_is_tested_across(tmp_path: Path) -> None:
    assert across_table(tmp_path, ["tiny"], ["pgan"], {"trained_on": [], "tested_on": ["tiny"]}) is None
