import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_vehicles import TinyData

from pipeline.artifacts.parts import PART_ARRAYS
from pipeline.reid.augmentation import ReidAugmentationParams
from pipeline.reid.samples import ReidLoader, ReidSources, check_makers, collate, open_sources
from pipeline.reid.training import classes_of, training_rows
from pipeline.store import hdf5, hdf5_writer

SIZE = 24
EVERY = ReidAugmentationParams(flip_probability=0.5, erase_probability=0.5)


def sources(data: TinyData, *inputs: str) -> ReidSources:
    return open_sources(data.store, data.path, inputs)


def loader(data: TinyData, *inputs: str) -> ReidLoader:
    opened = sources(data, *inputs)
    return ReidLoader(opened, SIZE, classes_of(opened.store, training_rows(opened.store)))


def test_a_sample_holds_what_the_caches_hold(tiny_data: TinyData) -> None:
    sample, identity = loader(tiny_data, "parts", "part_masks")(2)
    assert sample.image.shape == (SIZE, SIZE, 3)
    with hdf5.Cache(tiny_data.path("parts"), "parts/1") as cache:
        for name in PART_ARRAYS:
            np.testing.assert_array_equal(getattr(sample.parts, name), cache[name][2])
    with hdf5.Cache(tiny_data.path("part_masks"), "part_masks/1") as cache:
        np.testing.assert_array_equal(sample.masks, cache["masks"][2])
        np.testing.assert_array_equal(sample.area_ratios, [1, *cache["area_ratios"][2]])
    assert identity == 1


def test_vehicles_outside_the_training_split_have_no_class(tiny_data: TinyData) -> None:
    assert loader(tiny_data)(6)[1] == -1


def test_a_cache_the_model_does_not_read_need_not_exist(tiny_data: TinyData, tmp_path: Path) -> None:
    opened = open_sources(tiny_data.store, lambda kind: tmp_path / "absent" / kind, ())
    batch = collate([ReidLoader(opened, SIZE, {})(row) for row in (0, 1)])
    assert batch.images.shape == (2, 3, SIZE, SIZE)
    assert batch.boxes.shape == (2, 0, 4)
    assert batch.masks.shape == (2, 3, 0, 0)


def test_a_batch_stacks_samples_in_order(tiny_data: TinyData) -> None:
    load = loader(tiny_data, "parts", "part_masks")
    batch = collate([load(row) for row in (3, 0)])
    np.testing.assert_array_equal(batch.images[1].permute(1, 2, 0).numpy(), load(0)[0].image)
    assert batch.identities.tolist() == [1, 0]
    assert batch.area_ratios.shape == (2, 4)


def test_changes_depend_on_seed_epoch_row_and_appearance_alone_and_loaders_can_be_sent(tiny_data: TinyData) -> None:
    load = replace(loader(tiny_data, "parts"), augmentation=EVERY)
    first = load(1)[0].image
    sent: ReidLoader = pickle.loads(pickle.dumps(load))
    np.testing.assert_array_equal(first, sent(1)[0].image)
    assert any((first != load(1, appearance)[0].image).any() for appearance in (1, 2, 3))
    np.testing.assert_array_equal(load(1, 2)[0].image, sent(1, 2)[0].image)
    assert any((first != replace(load, epoch=epoch)(1)[0].image).any() for epoch in (1, 2))
    assert any((first != replace(load, seed=seed)(1)[0].image).any() for seed in (1, 2))


def test_caches_of_another_table_are_refused(tiny_data: TinyData, tmp_path: Path) -> None:
    with hdf5_writer.create(tmp_path / "parts.h5", hdf5.Header("parts/1", "0" * 64)) as cache:
        cache.array("boxes", np.zeros((8, 6, 4), np.float32))
    with pytest.raises(ValueError, match="table 000000000000"):
        open_sources(tiny_data.store, lambda kind: tmp_path / f"{kind}.h5", ("parts",))


def test_makers_must_agree_with_those_of_training(tiny_data: TinyData) -> None:
    opened = sources(tiny_data, "parts")
    check_makers(opened, {"parts": opened.makers["parts"]})
    with pytest.raises(ValueError, match=r"parts.tiny\.h5: made with detector .*, expected dddddddddddd"):
        check_makers(opened, {"parts": {**opened.makers["parts"], "detector": "d" * 64}})
