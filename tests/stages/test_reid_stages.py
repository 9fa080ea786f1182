import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from drawn_vehicles import TinyData
from tiny_run import MODELS, TINY, invoke, run_stage, write_params

from pipeline.artifacts.attention import form_of, open_attention
from pipeline.artifacts.features import read_features
from pipeline.artifacts.parts import parts_at, write_parts
from pipeline.networks import weights
from pipeline.store import hdf5
from pipeline.training import loop
from stages.embed import embed
from stages.evaluate import evaluate
from stages.train_reid import train_reid


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    write_params(tmp_path)
    return tiny_data.copy(tmp_path)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_trained_embedded_and_evaluated(data: TinyData, model: str) -> None:
    run_stage(train_reid, data.root, model=model)
    assert "4 features" in run_stage(embed, data.root, model=model)
    features, header = read_features(data.path("features", model), data.store.digest)
    assert features.rows.tolist() == [4, 5, 6, 7]
    assert header.notes["model"] == model
    assert features.features.shape[1] == sum(features.dimensions)
    if model == "span_cpdm":
        ratios = hdf5.Cache(data.path("part_masks"), "part_masks/1")["area_ratios"][()][features.rows]
        np.testing.assert_allclose(features.area_ratios, np.concatenate([np.ones((4, 1)), ratios], 1), rtol=1e-6)
    else:
        np.testing.assert_allclose(np.linalg.norm(features.features, axis=1), 1, rtol=1e-5)
    attention = open_attention(data.path("attention", model), data.store.digest)
    if model == "pgan":
        assert (form_of(attention.header).top_d, attention["rows"][()].tolist()) == (4, [4, 5, 6, 7])
        np.testing.assert_allclose(attention["weights"][()].sum(1), np.ones(4), rtol=1e-5)
    else:
        assert form_of(attention.header) is None
    printed = run_stage(evaluate, data.root, model=model)
    metrics = json.loads(data.path("metrics", model).read_text())
    assert f"mAP {metrics['mAP']:.3f}" in printed
    assert (metrics["dataset"], metrics["model"]) == (data.name, model)
    assert set(metrics["groups"]) == {"van"}
    header_line, *epochs = data.path("reid_history", model).read_text().splitlines()
    assert header_line.startswith("epoch,learning_rate,loss,")
    assert len(epochs) == TINY["train_reid"]["epochs"]


def test_training_repeats_byte_for_byte_and_depends_on_the_seed(tiny_data: TinyData, tmp_path: Path) -> None:
    written = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        data = tiny_data.copy(tmp_path / name)
        write_params(data.root, {"seed": seed})
        run_stage(train_reid, data.root, model="pgan")
        written.append(data.path("reid", "pgan").read_bytes())
    assert written[0] == written[1]
    assert written[0] != written[2]


def test_training_reads_training_images_only(data: TinyData) -> None:
    run_stage(train_reid, data.root, model="pgan")
    _, metadata = weights.load(data.path("reid", "pgan"), "reid/1")
    assert metadata["classes"] == len(set(data.store.vehicle_ids[data.store.rows("train")]))
    assert metadata["table"] == data.store.digest
    assert set(metadata["makers"]) == {"parts"}


def write_parts_of(data: TinyData, detector: str) -> None:
    """Say that another detector found the very parts there are."""
    table = data.store.digest
    with hdf5.Cache(data.path("parts"), "parts/1", table) as cache:
        found = parts_at(cache, ())
    write_parts(data.path("parts"), table, *found.scores.shape, [found], {"detector": detector})


def test_parts_of_another_detector_are_refused_naming_both(data: TinyData) -> None:
    write_parts_of(data, "a" * 64)
    run_stage(train_reid, data.root, model="pgan")
    write_parts_of(data, "b" * 64)
    refused = invoke(embed, data.root, model="pgan")
    assert refused.exit_code == 1
    assert "detector bbbbbbbbbbbb, expected aaaaaaaaaaaa" in refused.output
    assert not data.path("features", "pgan").exists()
    assert not data.path("attention", "pgan").exists()


def test_weights_and_features_of_another_model_are_refused_by_name(finished_run: TinyData, tmp_path: Path) -> None:
    run = finished_run.copy(tmp_path)
    for kind, stage in (("reid", embed), ("features", evaluate)):
        shutil.copy(run.path(kind, "baseline"), run.path(kind, "pgan"))
        refused = invoke(stage, run.root, model="pgan")
        assert refused.exit_code == 1
        noun = {"reid": "weights"}.get(kind, kind)
        assert f"expected {noun} of model 'pgan', got 'baseline'" in refused.output


def test_an_unknown_model_and_unknown_triplet_are_refused_by_name(data: TinyData) -> None:
    write_params(data.root, train_reid={"triplet_weights": {"fused": 1.0}})
    for model, message in (
        ("vgg", "section 'reid_models.vgg' is missing"),
        ("baseline", "expected weights of global, got fused, global"),
    ):
        refused = invoke(train_reid, data.root, model=model)
        assert refused.exit_code == 1
        assert message in refused.output


def test_weights_and_features_of_a_rate_no_longer_in_force_are_refused_naming_both_digests(data: TinyData) -> None:
    run_stage(train_reid, data.root, model="baseline")
    run_stage(embed, data.root, model="baseline")
    features = data.path("features", "baseline").read_bytes()
    write_params(data.root, train_reid={"learning_rate": 0.5})
    for stage, kind in ((embed, "reid"), (evaluate, "features")):
        refused = invoke(stage, data.root, model="baseline")
        assert refused.exit_code == 1
        assert f"{data.path(kind, 'baseline')}: made by values of digest" in refused.output
    assert data.path("features", "baseline").read_bytes() == features
    write_params(data.root, evaluate={"curve_length": 3})
    run_stage(evaluate, data.root, model="baseline")


def test_weights_that_stand_leave_nothing_in_scratch_and_an_edit_of_the_values_meanwhile_keeps_the_checkpoint(
    data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = loop.Trained.write

    def edited_meanwhile(*arguments: object) -> None:
        original(*arguments)
        write_params(data.root, train_reid={"learning_rate": 0.5})

    monkeypatch.setattr(loop.Trained, "write", edited_meanwhile)
    assert "was edited while this stage ran" in invoke(train_reid, data.root, model="baseline").output
    assert len(list((data.root / ".scratch/train_reid").iterdir())) == 1
    write_params(data.root)
    monkeypatch.setattr(loop.Trained, "write", original)
    monkeypatch.setattr(loop, "_train_epoch", None)  # no epoch is trained again
    run_stage(train_reid, data.root, model="baseline")
    assert list((data.root / ".scratch/train_reid").iterdir()) == []
