from pathlib import Path

from drawn_vehicles import ROWS, TinyData
from tiny_run import invoke, run_stage, write_params

from pipeline.store import hdf5
from stages.predict_part_masks import predict_part_masks
from stages.train_span import train_span


def test_masks_of_every_image_come_out_of_images_and_foreground(tiny_data: TinyData, tmp_path: Path) -> None:
    data = tiny_data.copy(tmp_path)
    write_params(data.root)
    assert "trained on 2 images" in run_stage(train_span, data.root)
    history = data.path("span_history").read_text().splitlines()
    assert [line.split(",")[0] for line in history] == ["epoch", "0", "1"]
    run_stage(predict_part_masks, data.root)
    cache = hdf5.Cache(data.path("part_masks"), "part_masks/1", data.store.digest)
    assert cache["masks"].shape == (len(ROWS), 3, 12, 12)
    assert set(cache.header.made_by) == {"foreground", "span", "params", "made_for", "values"}
    cache.close()
    first = data.path("part_masks").read_bytes()
    run_stage(predict_part_masks, data.root)
    assert data.path("part_masks").read_bytes() == first


def test_span_is_trained_on_the_data_set_its_parameters_name(tmp_path: Path) -> None:
    write_params(tmp_path)
    result = invoke(train_span, tmp_path, dataset="fleet")
    assert result.exit_code == 1
    assert "train_span.dataset is 'tiny', got --dataset 'fleet'" in result.output
