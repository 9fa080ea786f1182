from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from drawn_vehicles import TinyData

from pipeline.store.hdf5 import Cache
from stages.detect_parts import detect_parts
from stages.train_detector import train_detector

PARAMS = """
runtime: {seed: 0, threads: 1, workers: 0, accelerator: cpu, devices: 1, precision: 32-true}
train_detector:
  dataset: tiny
  architecture: {name: ssd300_vgg16, resnet: null}
  pretrained: {source: null, sha256: null}
  held_back_every: 0
  batch_size: 2
  augmentation: {window: 1, scale: [0.8, 1.2], aspect: 1.2, flip: 0.5, colour: 0.2, hue: 9, blur: 0, noise: 0}
  schedule: {epochs: 2, learning_rate: 0.001, weight_decay: 0, warmup_epochs: 0, warmup_start: 0, decay: constant,
    decay_every: 1, decay_factor: 1}
detect_parts: {max_parts: 6, nms_iou: 0.45, cross_class_iou: 1, candidates: 20, batch_size: 4}
overrides:
  other: {}
  tiny:
    train_detector:
      architecture:
        name: ssd_resnet
        resnet: {size: 64, backbone: resnet10_narrow, stem_stride: 4, layers: [1, 2], channels: 8,
          scales: [0.1, 0.3, 0.6], aspect_ratios: []}
    detect_parts: {max_parts: 5}
"""


def invoke_training(data: TinyData, folder: Path, dataset: str = "tiny") -> Result:
    (folder / "params.yaml").write_text(PARAMS)
    arguments = ["--dataset", dataset, "--images", data.path("images"), "--history", folder / "history.csv"]
    arguments += ["--output", folder / "detector.safetensors", "--params", folder / "params.yaml"]
    return CliRunner().invoke(train_detector, [str(argument) for argument in arguments])


def invoke_detection(data: TinyData, folder: Path) -> Result:
    arguments = ["--dataset", "tiny", "--images", data.path("images"), "--weights", folder / "detector.safetensors"]
    arguments += ["--output", folder / "parts.h5", "--params", folder / "params.yaml"]
    return CliRunner().invoke(detect_parts, [str(argument) for argument in arguments])


def test_training_then_detecting_fills_a_part_cache_with_the_same_bytes_each_time(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        trained = invoke_training(tiny_data, folder)
        assert trained.exit_code == 0, trained.output
        assert "trained on 4 images" in trained.output
        detected = invoke_detection(tiny_data, folder)
        assert detected.exit_code == 0, detected.output
        outputs.append([(folder / file).read_bytes() for file in ("detector.safetensors", "history.csv", "parts.h5")])
    assert outputs[0] == outputs[1]
    assert outputs[0][1].splitlines()[0] == b"epoch,learning_rate,loss,bbox_regression,classification"
    cache = Cache(tmp_path / "first" / "parts.h5", "parts/1", tiny_data.store.digest)
    assert cache["boxes"].shape == (8, 5, 4)
    assert (np.diff(cache["scores"][()], axis=1) <= 0).all()
    assert set(cache.header.made_by) == {"detector", "params"}


def test_training_on_another_data_set_than_the_parameters_name_is_refused(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke_training(tiny_data, tmp_path, dataset="other")
    assert result.exit_code == 1
    assert "train_detector.dataset is 'tiny', got --dataset 'other'" in result.output


def test_detecting_without_a_detector_says_how_to_make_one(tiny_data: TinyData, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    result = invoke_detection(tiny_data, tmp_path)
    assert result.exit_code == 1
    assert "dvc repro" in result.output
