import csv
from pathlib import Path

import numpy as np
import pytest
from drawn_vehicles import ROWS, TinyData
from tiny_run import invoke, run_stage, write_params

from pipeline.networks import weights
from pipeline.store import hdf5, hdf5_writer
from stages.grabcut import grabcut
from stages.predict_foreground import predict_foreground
from stages.train_foreground import train_foreground


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    write_params(tmp_path)
    return tiny_data.copy(tmp_path)


def test_seed_masks_of_every_image_are_written_and_counted(data: TinyData) -> None:
    data.path("grabcut").unlink()
    assert run_stage(grabcut, data.root).strip().endswith("8 masks, 0 of them failed")
    cache = hdf5.Cache(data.path("grabcut"), "grabcut/1", data.store.digest)
    assert cache["masks"].shape == (len(ROWS), 32, 32)
    assert not any((data.root / ".scratch/grabcut").iterdir())


def test_masks_of_every_image_come_out_of_images_and_seeds(data: TinyData) -> None:
    assert "trained on 4 seeds" in run_stage(train_foreground, data.root)
    with open(data.path("foreground_history"), newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    _, metadata = weights.load(data.path("foreground_network"), "foreground/1")
    assert [int(row["removed"]) for row in rows] == [0, len(metadata["removed_rows"])]
    run_stage(predict_foreground, data.root)
    cache = hdf5.Cache(data.path("foreground"), "foreground/1", data.store.digest)
    assert cache["masks"].shape == (len(ROWS), 16, 16)
    assert cache["masks"].dtype == np.uint8
    assert set(cache.header.made_by) == {"foreground", "params", "made_for", "values"}
    cache.close()
    first = data.path("foreground").read_bytes()
    run_stage(predict_foreground, data.root)
    assert data.path("foreground").read_bytes() == first


def test_seeds_of_another_table_are_refused(data: TinyData) -> None:
    with hdf5_writer.create(data.path("grabcut"), hdf5.Header("grabcut/1", "0" * 64)) as cache:
        cache.array("failed", np.zeros(len(ROWS), bool))
    result = invoke(train_foreground, data.root)
    assert result.exit_code == 1
    assert "follow the image table 000000000000" in result.output
