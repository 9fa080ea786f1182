from pathlib import Path

import numpy as np
from drawn_vehicles import TinyData
from tiny_run import invoke, run_stage, write_params

from pipeline.store.hdf5 import Cache
from stages.detect_parts import detect_parts
from stages.train_detector import train_detector


def test_training_then_detecting_fills_a_part_cache_with_the_same_bytes_each_time(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    outputs = []
    for name in ("first", "second"):
        data = tiny_data.copy(tmp_path / name)
        write_params(data.root, detect_parts={"max_parts": 5})
        assert "trained on 4 images" in run_stage(train_detector, data.root)
        run_stage(detect_parts, data.root)
        outputs.append([data.path(kind).read_bytes() for kind in ("detector", "detector_history", "parts")])
    assert outputs[0] == outputs[1]
    assert outputs[0][1].splitlines()[0] == b"epoch,learning_rate,loss,bbox_regression,classification"
    cache = Cache(data.path("parts"), "parts/1", data.store.digest)
    assert cache["boxes"].shape == (8, 5, 4)
    assert (np.diff(cache["scores"][()], axis=1) <= 0).all()
    assert set(cache.header.made_by) == {"detector", "params", "made_for", "values"}


def test_training_on_another_data_set_than_the_parameters_name_is_refused(tmp_path: Path) -> None:
    write_params(tmp_path)
    result = invoke(train_detector, tmp_path, dataset="other")
    assert result.exit_code == 1
    assert "train_detector.dataset is 'tiny', got --dataset 'other'" in result.output
