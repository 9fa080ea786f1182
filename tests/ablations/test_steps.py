from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ablation_example import SPANS, TABLE, steps
from drawn_vehicles import TinyData
from tiny_run import run_stage, write_params

from pipeline.ablations import runs
from pipeline.ablations.experiment import open_experiment
from pipeline.ablations.masks import OwnMasks
from pipeline.ablations.plan import Costs, Left, costs_of, left_line, plan_lines
from pipeline.ablations.rows import Row, Table
from pipeline.ablations.steps import run_all
from pipeline.ablations.writing import write_table
from pipeline.artifacts.views import open_views
from pipeline.networks.weights import load
from pipeline.store.files import file_digest, read_json, write_json
from pipeline.views.trained_on import KIND
from stages.predict_part_masks import predict_part_masks
from stages.train_span import train_span


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    copy = tiny_data.copy(tmp_path / "data")
    write_params(copy.root)
    return copy


def quiet(line: str) -> None:
    del line


def own(data: TinyData, label: str, **options: Any) -> OwnMasks:
    (found,) = [step.masks for step in steps(data, **options) if step.row.label == label]
    assert found is not None
    return found


def test_every_row_gets_a_seed_before_any_gets_the_next_and_each_run_is_told_of(data: TinyData) -> None:
    experiment, said = open_experiment(data.workspace(), 0.0), list[str]()
    run_all(experiment, steps(data, 1, table=TABLE), said.append, keep=False)
    found = run_all(experiment, steps(data, 2, table=TABLE), said.append, keep=False)
    assert {label: [run.seed for run in each] for label, each in found.runs.items()} == {
        "Plain": [0, 1],
        "Parts": [0, 1],
    }
    assert found.masks == {}
    assert [line.split(":")[0] for line in said[2:]] == [
        "[1/4] baseline, seed 0",
        "[2/4] span_cpdm, seed 0",
        "[3/4] baseline, seed 1",
        "[4/4] span_cpdm, seed 1",
    ]
    assert [line.endswith("done before") for line in said] == [False, False, True, True, False, False]


def test_rows_train_spans_of_their_own_and_leave_the_workspaces_alone(
    data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {kind: file_digest(data.path(kind)) for kind in ("span", "part_masks")}
    experiment = open_experiment(data.workspace(), 0.0)
    found = run_all(experiment, steps(data), quiet, keep=False)
    assert {kind: file_digest(data.path(kind)) for kind in before} == before
    whole, without = (file_digest(found.masks[label][0]) for label in ("all losses", "no area"))
    assert whole != without
    assert {run.metrics["inputs"]["caches"].get("part_masks") for each in found.runs.values() for run in each} == {
        None,
        whole,
        without,
    }
    monkeypatch.setattr(OwnMasks, "make", None)
    monkeypatch.setattr(runs, "train", None)
    again = run_all(experiment, steps(data), quiet, keep=False)
    assert again.masks == found.masks
    assert [run.metrics for run in again.runs["no area"]] == [run.metrics for run in found.runs["no area"]]


def test_a_row_without_a_change_makes_what_the_stages_make(data: TinyData) -> None:
    masks = own(data, "all losses")
    masks.make()
    for stage in (train_span, predict_part_masks):
        run_stage(stage, data.root)
    (ours, facts), (theirs, of_stage) = (
        load(path, KIND) for path in (masks.folder / "span.safetensors", data.path("span"))
    )
    assert facts | {"origin": None} == of_stage | {"origin": None}
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    first, second = (open_views(path, data.store.digest) for path in (masks.path, data.path("part_masks")))
    for name in first.file:
        np.testing.assert_array_equal(first[name][()], second[name][()])


def test_part_masks_cut_off_after_their_spans_training_are_predicted_by_it(data: TinyData) -> None:
    masks = own(data, "no area")
    masks.make()
    first = file_digest(masks.path)
    for name in ("made.json", "part_masks.h5"):
        (masks.folder / name).unlink()
    before = (masks.folder / "span.safetensors").stat().st_mtime_ns
    assert not masks.done
    masks.make()
    assert masks.done
    assert file_digest(masks.path) == first
    assert (masks.folder / "span.safetensors").stat().st_mtime_ns == before
    assert read_json(masks.folder / "made.json")["seconds"] is None


def test_a_span_is_not_trained_on_vehicles_held_out_and_has_masks_of_them(data: TinyData) -> None:
    write_params(data.root, evaluate={"protocol": "every_camera"}, train_span={"images_per_label_set": None})
    counts = {}
    for share in (0.0, 0.5):
        masks = own(data, "all losses", share=share)
        masks.make()
        counts[share] = load(masks.folder / "span.safetensors", KIND)[1]["images"]
    assert counts[0.0] == 3
    assert counts[0.5] in (1, 2)
    assert own(data, "all losses").folder != own(data, "all losses", share=0.5).folder


@pytest.mark.parametrize(
    ("section", "changes"),
    [("train_span", {"margins": {"together": 0.5}}), ("predict_part_masks", {"size": 8}), ("runtime", {"seed": 9})],
)
def test_other_values_of_the_workspace_are_part_masks_of_their_own(
    data: TinyData, section: str, changes: dict[str, Any]
) -> None:
    before = own(data, "no area").folder
    write_params(data.root, **{section: changes})
    assert own(data, "no area").folder != before


def test_a_value_that_no_section_has_is_named_before_anything_is_trained(data: TinyData) -> None:
    wrong = Row("wrong", "span_cpdm", upstream={"train_span": {"no_such": 1}})
    table = Table("spans", "", "", "", (*SPANS.rows, wrong), "Plain")
    with pytest.raises(ValueError, match="train_span with a row's changes: unknown key 'no_such'"):
        steps(data, table=table)
    assert not (data.root / ".scratch").exists()


def test_a_plan_says_what_is_done_and_what_is_left(data: TinyData) -> None:
    experiment, left = open_experiment(data.workspace(), 0.0), Left()
    run_all(experiment, steps(data)[:2], quiet, keep=False)
    third = steps(data)[2].masks
    assert third is not None
    third.make()
    title, head, *rows = plan_lines(experiment, SPANS, steps(data, 2), left)
    assert title == "spans: SPANs by their losses; measured on the test split"
    assert head.split() == ["seed", "0", "1"]
    assert [row.rsplit(maxsplit=2) for row in rows] == [
        ["  Plain", "done", "-"],
        ["  all losses", "done", "-"],
        ["  no area", "masks", "-"],
    ]
    assert (len(left.masks), len(left.runs)) == (2, 4)
    plan_lines(experiment, SPANS, steps(data, 2), left)
    assert (len(left.masks), len(left.runs)) == (2, 4)


def test_the_time_left_is_that_of_finished_runs_of_each_model_and_of_all_where_a_model_has_none(tmp_path: Path) -> None:
    seconds = {"baseline/a": 60, "baseline/b": 120, "pgan/a": 210, "pgan/b": None}
    for name, value in seconds.items():
        write_json(tmp_path / ".scratch/ablations/tiny" / name / "metrics.json", {"seconds": value})
    write_json(tmp_path / ".scratch/ablation_masks/tiny/seed0-a/made.json", {"seconds": 3600})
    costs = costs_of(tmp_path, "tiny")
    assert costs == Costs({"baseline": 90, "pgan": 210}, 3600)
    runs_left = {("baseline", Path("1")): "baseline", ("fused", Path("1")): "fused"}
    left = Left({Path("1"), Path("2")}, runs_left)
    assert left_line(left, costs) == ("left: 2 runs, about 4 minutes; 2 SPANs with their part masks, about 2.0 hours")
    assert "none of which is finished to say how long" in left_line(left, Costs({}, None))
    assert left_line(Left(), costs) == "nothing is left to run"


def test_a_table_of_spans_is_written_with_the_figures_and_pictures_of_their_masks(data: TinyData) -> None:
    experiment = open_experiment(data.workspace(), 0.0)
    *documents, page = write_table(experiment, SPANS, steps(data), data.root / "docs", quiet, keep=False)
    assert [path.name for path in documents] == ["spans.md", "spans.svg", "spans_masks.svg"]
    text = documents[0].read_text()
    assert "| part masks of | IoU, front | IoU, side | IoU, mean of views | viewpoint by area ratios |" in text
    assert text.count("| no area |") == 2
    assert page.read_text().count("<img") == 4  # the one viewpoint's photograph, two masks and its true views
