from pathlib import Path

import pytest
from click.testing import CliRunner
from drawn_vehicles import ROWS, TinyData

from pipeline.store import hdf5
from stages.predict_part_masks import predict_part_masks
from stages.train_span import train_span

PARAMS = """
runtime: {seed: 0, threads: 1, workers: 0, accelerator: cpu, devices: 1, precision: 32-true}
train_span:
  dataset: tiny
  architecture: {encoder: resnet10, stem_pooling: true, input_size: 32}
  pretrained: {source: null}
  images_per_viewpoint: 1
  batch_size: 2
  augmentation: {flip: 0.5, slanted_sides: 0.0, colour: 0.0, zoom: 0.0}
  weights: {reconstruction: 1.0, area: 0.5, diversity: 1.0}
  max_area:
    front: [1.0, 0.0, 0.0]
    rear: [0.0, 1.0, 0.0]
    side: [0.0, 0.0, 1.0]
    front-side: [0.7, 0.0, 0.7]
    rear-side: [0.0, 0.7, 0.7]
  margins: {front_rear: 0.0, front_side: 0.04, rear_side: 0.04}
  warmup: &schedule
    {epochs: 1, learning_rate: 1e-3, weight_decay: 0.0, warmup_epochs: 0.0, warmup_start: 1.0, decay: constant,
     decay_every: 1, decay_factor: 1.0}
  schedule: *schedule
predict_part_masks: {size: 16, batch_size: 3, within_foreground: true}
overrides:
  tiny: {}
"""


@pytest.fixture
def parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS)
    return path


def options(data: TinyData, **more: object) -> list[str]:
    given = {"images": data.path("images"), "foreground": data.path("foreground"), "dataset": data.name, **more}
    return [text for name, value in given.items() for text in (f"--{name}", str(value))]


def test_masks_of_every_image_come_out_of_images_and_foreground(
    tiny_data: TinyData, parameters: Path, tmp_path: Path
) -> None:
    weights, history, masks = tmp_path / "span.safetensors", tmp_path / "history.csv", tmp_path / "masks.h5"
    trained = CliRunner().invoke(train_span, options(tiny_data, output=weights, history=history, params=parameters))
    assert trained.exit_code == 0, trained.output
    assert "trained on 2 images" in trained.output
    assert [line.split(",")[0] for line in history.read_text().splitlines()] == ["epoch", "0", "1"]
    arguments = options(tiny_data, weights=weights, output=masks, params=parameters)
    predicted = CliRunner().invoke(predict_part_masks, arguments)
    assert predicted.exit_code == 0, predicted.output
    cache = hdf5.Cache(masks, "part_masks/1", tiny_data.store.digest)
    assert cache["masks"].shape == (len(ROWS), 3, 16, 16)
    assert set(cache.header.made_by) == {"foreground", "span", "params"}
    first = masks.read_bytes()
    assert CliRunner().invoke(predict_part_masks, arguments).exit_code == 0
    assert masks.read_bytes() == first


def test_span_is_trained_on_the_data_set_its_parameters_name(
    tiny_data: TinyData, parameters: Path, tmp_path: Path
) -> None:
    parameters.write_text(PARAMS.replace("dataset: tiny", "dataset: fleet"))
    given = options(tiny_data, output=tmp_path / "s", history=tmp_path / "h", params=parameters)
    result = CliRunner().invoke(train_span, given)
    assert result.exit_code == 1
    assert "train_span.dataset is 'fleet', got --dataset 'tiny'" in result.output
