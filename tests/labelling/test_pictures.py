from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_vehicles import TinyData, draw_vehicle

from pipeline.datasets.adapters import PrepareParams
from pipeline.labelling.pictures import Candidate, open_pictures
from pipeline.store import params


@pytest.fixture
def values() -> PrepareParams:
    """The repository's own parameters, for a table."""
    section = params.read(Path(__file__).parents[2] / "params.yaml")["prepare"]
    return params.build(PrepareParams, section | {"adapter": "table"}, "prepare")


def test_the_image_store_is_shown_where_there_is_one(tiny_data: TinyData, values: PrepareParams) -> None:
    pictures = open_pictures(tiny_data.path("images"), Path("nowhere"), values, ["gallery", "train"])
    assert pictures.candidates[3] == Candidate("0002_c2_3.png", "0002", "c2", False)
    assert pictures.candidates[4] == Candidate("0003_c2_6.png", "0003", "c2", True)
    np.testing.assert_array_equal(pictures.image(4), draw_vehicle(6))


def test_the_raw_data_set_is_shown_where_there_is_no_store(tmp_path: Path, values: PrepareParams) -> None:
    cv2.imwrite(str(tmp_path / "b.png"), cv2.cvtColor(draw_vehicle(0), cv2.COLOR_RGB2BGR))
    rows = "a.png,query,1,c1,front\nb.png,train,2,,\nc.png,train,2,c2,rear\n"
    (tmp_path / "images.csv").write_text(f"path,split,vehicle_id,camera_id,viewpoint\n{rows}")
    pictures = open_pictures(tmp_path / "absent.h5", tmp_path, values, ["train"])
    assert pictures.candidates == [Candidate("b.png", "2", "", False), Candidate("c.png", "2", "c2", True)]
    np.testing.assert_array_equal(pictures.image(0), draw_vehicle(0))
    with pytest.raises(FileNotFoundError, match=r"c\.png"):
        pictures.image(1)


def test_a_split_without_images_is_named(tiny_data: TinyData, values: PrepareParams) -> None:
    with pytest.raises(ValueError, match=r"tiny\.h5: no images of split test or extra"):
        open_pictures(tiny_data.path("images"), Path("nowhere"), values, ["test", "extra"])
