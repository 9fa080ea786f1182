import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from drawn_vehicles import ROWS, TinyData

from pipeline.networks import weights
from pipeline.store import hdf5
from stages.grabcut import grabcut
from stages.predict_foreground import predict_foreground
from stages.train_foreground import train_foreground

PARAMS = """
runtime: {seed: 0, threads: 1, workers: 0, accelerator: cpu, devices: 1, precision: 32-true}
grabcut: {size: 32, padding: 16, iterations: 1, corner_radius: null, orientations: 2, min_share: 0.1, max_share: 0.95,
          min_agreement: 0.7}
train_foreground:
  architecture: {encoder: resnet10_narrow, stem_pooling: true, last_layer: layer4, last_stride: 1,
                 decoder_widths: [16, 8], input_size: 32}
  pretrained: {source: null}
  loss: mse
  remove_from_epoch: 1
  remove_deviations: 3.0
  relabel_from_epoch: null
  relabel_share: 0.5
  augmentation: {flip_probability: 0.5, zoom: [0.9, 1.1], shift: 0.1, colour_jitter: 0.2}
  batch_size: 2
  schedule: {epochs: 2, learning_rate: 1e-3, weight_decay: 0.0, warmup_epochs: 0, warmup_start: 1.0, decay: constant,
             decay_every: 1, decay_factor: 1.0}
predict_foreground: {size: 24, batch_size: 3, mirrored_too: true}
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
    given = {"images": data.path("images"), "dataset": data.name, **more}
    return [text for name, value in given.items() for text in (f"--{name}", str(value))]


def test_seed_masks_of_every_image_are_written_and_counted(
    tiny_data: TinyData, parameters: Path, tmp_path: Path
) -> None:
    output = tmp_path / "seeds.h5"
    result = CliRunner().invoke(grabcut, options(tiny_data, output=output, params=parameters))
    assert result.exit_code == 0, result.output
    assert result.output.strip().endswith("8 masks, 0 of them failed")
    assert hdf5.Cache(output, "grabcut/1", tiny_data.store.digest)["masks"].shape == (len(ROWS), 32, 32)
    assert not any((tmp_path / ".scratch/grabcut").iterdir())


def test_masks_of_every_image_come_out_of_images_and_seeds(
    tiny_data: TinyData, parameters: Path, tmp_path: Path
) -> None:
    network, history, masks = tmp_path / "network.safetensors", tmp_path / "history.csv", tmp_path / "masks.h5"
    arguments = options(
        tiny_data, grabcut=tiny_data.path("grabcut"), output=network, history=history, params=parameters
    )
    trained = CliRunner().invoke(train_foreground, arguments)
    assert trained.exit_code == 0, trained.output
    assert "trained on 4 seeds" in trained.output
    with open(history, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    _, metadata = weights.load(network, "foreground/1")
    assert [int(row["removed"]) for row in rows] == metadata["removed"]
    arguments = options(tiny_data, weights=network, output=masks, params=parameters)
    predicted = CliRunner().invoke(predict_foreground, arguments)
    assert predicted.exit_code == 0, predicted.output
    cache = hdf5.Cache(masks, "foreground/1", tiny_data.store.digest)
    assert cache["masks"].shape == (len(ROWS), 24, 24)
    assert cache["masks"].dtype == np.uint8
    assert set(cache.header.made_by) == {"foreground", "params"}
    first = masks.read_bytes()
    assert CliRunner().invoke(predict_foreground, arguments).exit_code == 0
    assert masks.read_bytes() == first


def test_seeds_of_another_table_are_refused(tiny_data: TinyData, parameters: Path, tmp_path: Path) -> None:
    strange = tmp_path / "strange.h5"
    with hdf5.create(strange, hdf5.Header("grabcut/1", "0" * 64)) as cache:
        cache.array("failed", np.zeros(len(ROWS), bool))
    arguments = options(
        tiny_data, grabcut=strange, output=tmp_path / "w", history=tmp_path / "h.csv", params=parameters
    )
    result = CliRunner().invoke(train_foreground, arguments)
    assert result.exit_code == 1
    assert "follow the image table 000000000000" in result.output
