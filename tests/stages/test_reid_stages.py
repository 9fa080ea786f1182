import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from ruamel.yaml import YAML

from pipeline.artifacts.features import read_features
from pipeline.networks import weights
from pipeline.store import hdf5
from stages.embed import main as embed
from stages.evaluate import main as evaluate
from stages.train_reid import main as train_reid
from tests.conftest import TinyData

MODELS = ("baseline", "pgan", "span_cpdm")
TINY = {
    "architecture": "resnet10_narrow",
    "input_size": 32,
    "dimension": 16,
    "top_d": 4,
    "global_dimension": 12,
    "part_dimension": 8,
    "pretrained": {"source": None, "sha256": None},
    "identities_per_batch": 2,
    "images_per_identity": 2,
    "epochs": 2,
    "warmup_epochs": 1,
}


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scratch files go to the test's folder, and torch's thread count is put back."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def write_params(folder: Path, seed: int = 0, **changes: Any) -> Path:
    document = YAML(typ="safe").load(Path(__file__).parents[2].joinpath("params.yaml").read_text())
    document["runtime"] |= {"seed": seed, "threads": 1, "accelerator": "cpu"}
    document["overrides"]["tiny"] = {"train_reid": TINY | changes, "embed": {"batch_size": 3}}
    document["overrides"]["tiny"]["evaluate"] = {"group_by": "type"}
    path = folder / f"params_{seed}.yaml"
    with open(path, "w") as stream:
        YAML().dump(document, stream)
    return path


def run(command: Any, data: TinyData, model: str, params: Path, **paths: Path) -> str:
    arguments = ["--dataset", data.name, "--model", model, "--images", str(data.path("images"))]
    for name, path in paths.items():
        arguments += [f"--{name.replace('_', '-')}", str(path)]
    result = CliRunner().invoke(command, [*arguments, "--params", str(params)])
    assert result.exit_code in (0, 1), result.output
    return result.output if result.exit_code == 0 else f"FAILED {result.output}"


def trained(data: TinyData, model: str, params: Path, folder: Path) -> Path:
    caches = {"parts": data.path("parts"), "part_masks": data.path("part_masks")}
    printed = run(
        train_reid,
        data,
        model,
        params,
        **caches,
        output=folder / f"{model}.safetensors",
        history=folder / "history.csv",
    )
    assert "FAILED" not in printed, printed
    return folder / f"{model}.safetensors"


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_trained_embedded_and_evaluated(tiny_data: TinyData, tmp_path: Path, model: str) -> None:
    params = write_params(tmp_path)
    path = trained(tiny_data, model, params, tmp_path)
    caches = {"parts": tiny_data.path("parts"), "part_masks": tiny_data.path("part_masks")}
    printed = run(embed, tiny_data, model, params, **caches, weights=path, output=tmp_path / "features.h5")
    assert "4 features" in printed, printed
    features, header = read_features(tmp_path / "features.h5", tiny_data.store.digest)
    assert features.rows.tolist() == [4, 5, 6, 7]
    assert header.notes["model"] == model
    assert features.features.shape[1] == sum(features.dimensions)
    if model == "span_cpdm":
        ratios = hdf5.Cache(tiny_data.path("part_masks"), "part_masks/1")["area_ratios"][()][features.rows]
        np.testing.assert_allclose(features.area_ratios, np.concatenate([np.ones((4, 1)), ratios], 1), rtol=1e-6)
    else:
        np.testing.assert_allclose(np.linalg.norm(features.features, axis=1), 1, rtol=1e-5)
    printed = run(evaluate, tiny_data, model, params, features=tmp_path / "features.h5", output=tmp_path / "evaluation")
    metrics = json.loads((tmp_path / "evaluation/metrics.json").read_text())
    assert f"mAP {metrics['mAP']:.3f}" in printed
    assert metrics["model"] == model
    assert set(metrics["groups"]) == {"van"}
    header_line, *epochs = (tmp_path / "history.csv").read_text().splitlines()
    assert header_line.startswith("epoch,learning_rate,loss,")
    assert len(epochs) == TINY["epochs"]


def test_training_repeats_byte_for_byte_and_depends_on_the_seed(tiny_data: TinyData, tmp_path: Path) -> None:
    written = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        folder = tmp_path / name
        folder.mkdir()
        written.append(trained(tiny_data, "pgan", write_params(folder, seed), folder).read_bytes())
    assert written[0] == written[1]
    assert written[0] != written[2]


def test_training_reads_training_images_only(tiny_data: TinyData, tmp_path: Path) -> None:
    path = trained(tiny_data, "pgan", write_params(tmp_path), tmp_path)
    _, metadata = weights.load(path, "reid/1")
    assert metadata["classes"] == len(set(tiny_data.store.vehicle_ids[tiny_data.store.rows("train")]))
    assert metadata["table"] == tiny_data.store.digest
    assert set(metadata["makers"]) == {"parts"}


def test_parts_of_another_detector_are_refused_naming_both(tiny_data: TinyData, tmp_path: Path) -> None:
    params = write_params(tmp_path)
    with hdf5.Cache(tiny_data.path("parts"), "parts/1") as cache:
        arrays = {name: cache[name][()] for name in ("boxes", "labels", "scores")}
    for name in ("a" * 64, "b" * 64):
        header = hdf5.Header("parts/1", tiny_data.store.digest, {"detector": name})
        with hdf5.create(tmp_path / f"parts_{name[0]}.h5", header) as cache_writer:
            for key, values in arrays.items():
                cache_writer.array(key, values)
    caches = {"part_masks": tiny_data.path("part_masks")}
    path = tmp_path / "pgan.safetensors"
    outputs = {"output": path, "history": tmp_path / "history.csv"}
    run(train_reid, tiny_data, "pgan", params, **caches, parts=tmp_path / "parts_a.h5", **outputs)
    refused = run(
        embed,
        tiny_data,
        "pgan",
        params,
        **caches,
        parts=tmp_path / "parts_b.h5",
        weights=path,
        output=tmp_path / "f.h5",
    )
    assert refused.startswith("FAILED")
    assert "detector bbbbbbbbbbbb, expected aaaaaaaaaaaa" in refused
    assert not (tmp_path / "f.h5").exists()


def test_weights_and_features_of_another_model_are_refused_by_name(tiny_data: TinyData, tmp_path: Path) -> None:
    params = write_params(tmp_path)
    path = trained(tiny_data, "baseline", params, tmp_path)
    caches = {"parts": tiny_data.path("parts"), "part_masks": tiny_data.path("part_masks")}
    refused = run(embed, tiny_data, "pgan", params, **caches, weights=path, output=tmp_path / "f.h5")
    assert "expected weights of model 'pgan', got 'baseline'" in refused
    run(embed, tiny_data, "baseline", params, **caches, weights=path, output=tmp_path / "f.h5")
    refused = run(evaluate, tiny_data, "pgan", params, features=tmp_path / "f.h5", output=tmp_path / "evaluation")
    assert "expected features of model 'pgan', got 'baseline'" in refused


def test_an_unknown_model_and_unknown_triplet_are_refused_by_name(tiny_data: TinyData, tmp_path: Path) -> None:
    params = write_params(tmp_path, triplet_weights={"fused": 1.0})
    caches = {"parts": tiny_data.path("parts"), "part_masks": tiny_data.path("part_masks")}
    outputs = {"output": tmp_path / "w.safetensors", "history": tmp_path / "h.csv"}
    refused = run(train_reid, tiny_data, "vgg", params, **caches, **outputs)
    assert "section 'reid_models.vgg' is missing" in refused
    refused = run(train_reid, tiny_data, "baseline", params, **caches, **outputs)
    assert "expected weights of global, got fused" in refused
