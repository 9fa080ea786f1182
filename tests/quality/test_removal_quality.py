from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_vehicles import ROWS, TinyData, true_labels

from pipeline.artifacts.seeds import Seeds, open_seeds, write_seeds
from pipeline.artifacts.truth import Truth, open_truth, write_truth
from pipeline.quality.removal import measure_removal
from pipeline.store import hdf5


def truth_of(data: TinyData, path: Path, rows: list[int], complete: bool = True) -> hdf5.Cache:
    encoded = cv2.imencode(".png", true_labels())[1].tobytes()
    write_truth(path, data.store, Truth(dict.fromkeys(rows, encoded), None, complete))
    return open_truth(path, data.store.digest)


def seeds_of(data: TinyData, path: Path, bad: list[int], failed: list[int]) -> hdf5.Cache:
    """Seeds equal to the truth, but for the `bad` ones, which hold half of it."""
    labels = cv2.resize(true_labels(), (32, 32), interpolation=cv2.INTER_NEAREST)
    masks = np.stack([np.where(labels > 0, 255, 0).astype(np.uint8)] * len(ROWS))
    masks[bad, :, 16:] = 0
    seeds = Seeds(masks, np.isin(np.arange(len(ROWS)), failed))
    write_seeds(path, data.store.digest, len(ROWS), 32, [seeds], {})
    return open_seeds(path, data.store.digest)


def test_removed_seeds_are_compared_with_all_that_were_trained_on(tiny_data: TinyData, tmp_path: Path) -> None:
    truth = truth_of(tiny_data, tmp_path / "truth.h5", list(range(len(ROWS))))
    seeds = seeds_of(tiny_data, tmp_path / "seeds.h5", bad=[1, 2, 5], failed=[])  # row 5 is a query
    found = measure_removal(tiny_data.store, truth, seeds, np.array([1]), 0.7)
    assert found == pytest.approx({"seeds": 4, "bad_share": 0.5, "removed": 1, "removed_bad_share": 1.0})
    found = measure_removal(tiny_data.store, truth, seeds, np.array([0, 1]), 0.7)
    assert found == pytest.approx({"seeds": 4, "bad_share": 0.5, "removed": 2, "removed_bad_share": 0.5})
    assert measure_removal(tiny_data.store, truth, seeds, np.array([1]), 0.4)["bad_share"] == 0.0


def test_failed_seeds_and_images_without_truth_count_nowhere(tiny_data: TinyData, tmp_path: Path) -> None:
    truth = truth_of(tiny_data, tmp_path / "truth.h5", [0, 1, 2])
    seeds = seeds_of(tiny_data, tmp_path / "seeds.h5", bad=[0], failed=[2])
    found = measure_removal(
        tiny_data.store, truth, seeds, np.array([3]), 0.7
    )  # row 3 was removed, its truth is unknown
    assert found == pytest.approx({"seeds": 2, "bad_share": 0.5, "removed": 0})


def test_without_complete_truth_nothing_is_said(tiny_data: TinyData, tmp_path: Path) -> None:
    seeds = seeds_of(tiny_data, tmp_path / "seeds.h5", bad=[0], failed=[])
    incomplete = truth_of(tiny_data, tmp_path / "incomplete.h5", [0, 1], complete=False)
    elsewhere = truth_of(tiny_data, tmp_path / "elsewhere.h5", [4, 5])
    for truth in (incomplete, elsewhere):
        assert measure_removal(tiny_data.store, truth, seeds, np.array([0]), 0.7) == {}
