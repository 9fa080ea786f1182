import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_vehicles import TinyData, rewrite_cache
from search_example import search_for
from tiny_run import MODELS, write_model, write_params

from pipeline.artifacts.features import read_features
from pipeline.networks import weights
from pipeline.parts import trained_on as detector_trained_on
from pipeline.reid.build import KIND as REID_KIND
from pipeline.search.run import table
from pipeline.store import hdf5
from pipeline.store.files import DamagedFileError
from pipeline.store.origin import origin_of


@pytest.mark.parametrize("model", MODELS)
def test_a_file_of_the_data_set_gives_the_very_features_boxes_and_masks_cached_for_it(
    finished_run: TinyData, model: str
) -> None:
    rows = [7, 4, 6]
    found = search_for(finished_run, model, *map(finished_run.file, rows))
    cached, _ = read_features(finished_run.path("features", model), finished_run.store.digest)
    places = [cached.rows.tolist().index(row) for row in rows]
    np.testing.assert_allclose(found.described.features, cached.features[places], atol=1e-5)
    inputs = found.described.inputs
    assert (inputs.parts is None, inputs.masks is None) == (model != "pgan", model != "span_cpdm")
    if inputs.parts is not None:
        with hdf5.Cache(finished_run.path("parts"), "parts/1") as cache:
            np.testing.assert_allclose(inputs.parts.boxes, cache["boxes"][()][rows], atol=1e-5)
            np.testing.assert_array_equal(inputs.parts.labels, cache["labels"][()][rows])
            np.testing.assert_allclose(inputs.parts.scores, cache["scores"][()][rows], atol=1e-5)
    if inputs.masks is not None and inputs.ratios is not None:
        with hdf5.Cache(finished_run.path("part_masks"), "part_masks/1") as cache:
            masks = cache["masks"][()][rows].astype(int)
            assert np.abs(inputs.masks - masks).max() <= 1
            assert np.abs(masks[0] - masks[1]).max() > 20, "the images must differ for the comparison to tell anything"
            np.testing.assert_allclose(inputs.ratios, cache["area_ratios"][()][rows], atol=1e-3)
        np.testing.assert_allclose(found.described.area_ratios, cached.area_ratios[places], atol=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_only_gallery_images_are_found_and_an_image_of_the_gallery_finds_itself_first(
    finished_run: TinyData, model: str
) -> None:
    found = search_for(finished_run, model, finished_run.file(7), finished_run.file(6))
    rows = [found.gallery.rows[matches.positions].tolist() for matches in found.matches]
    assert rows == [[7, 6], [6, 7]]
    for matches in found.matches:
        assert matches.distances[0] < 1e-3
        assert matches.distances[1] > matches.distances[0]


def test_top_cuts_the_matches_short(finished_run: TinyData) -> None:
    found = search_for(finished_run, "baseline", finished_run.file(6), top=1)
    assert found.gallery.rows[found.matches[0].positions].tolist() == [6]


def test_the_table_names_every_file_and_lists_its_matches(finished_run: TinyData) -> None:
    file = finished_run.file(7)
    name, head, first, second = table(search_for(finished_run, "baseline", file)).splitlines()
    assert name == str(file)
    assert head.split() == ["rank", "distance", "vehicle", "camera", "path"]
    assert first.split() == ["1", "0.0000", "0004", "c2", file.name]
    assert second.split()[0] == "2"
    assert second.split()[2:] == ["0003", "c2", finished_run.file(6).name]


def test_a_new_photograph_is_compared_as_it_is_whatever_its_size(finished_run: TinyData, tmp_path: Path) -> None:
    photograph = np.random.default_rng(0).integers(0, 256, (150, 90, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "new.jpg"), photograph)
    found = search_for(finished_run, "span_cpdm", tmp_path / "new.jpg")
    assert len(found.matches[0].positions) == 2
    assert found.described.features.shape == (1, 12 + 3 * 8)
    assert found.described.inputs.masks is not None
    assert found.described.inputs.masks.shape == (1, 3, 12, 12)


def test_features_of_other_weights_are_refused(finished_run: TinyData, tmp_path: Path) -> None:
    run = finished_run.copy(tmp_path / "run")
    write_model(run, "baseline", seed=1)
    with pytest.raises(ValueError, match=r"features/tiny/baseline\.h5: made with weights \w{12}, expected \w{12}"):
        search_for(run, "baseline", run.file(7))


def test_features_of_another_model_are_refused(finished_run: TinyData, tmp_path: Path) -> None:
    run = finished_run.copy(tmp_path / "run")
    shutil.copy(run.path("features", "baseline"), run.path("features", "pgan"))
    with pytest.raises(ValueError, match="expected features of model 'pgan', got 'baseline'"):
        search_for(run, "pgan", run.file(7))


def test_a_detector_the_model_was_not_trained_with_is_refused(finished_run: TinyData, tmp_path: Path) -> None:
    run = finished_run.copy(tmp_path / "run")
    tensors, metadata = weights.load(run.path("detector"), detector_trained_on.KIND)
    weights.save(run.path("detector"), tensors, detector_trained_on.KIND, metadata | {"note": "another"})
    with pytest.raises(ValueError, match=r"pgan\.safetensors: made with detector \w{12}, expected \w{12}"):
        search_for(run, "pgan", run.file(7))
    assert search_for(run, "baseline", run.file(7)).matches, "a model that reads no parts needs no detector"


@pytest.mark.parametrize(
    ("model", "name"), [("pgan", "detector"), ("span_cpdm", "span"), ("span_cpdm", "foreground_network")]
)
def test_damaged_weights_are_named_themselves(finished_run: TinyData, tmp_path: Path, model: str, name: str) -> None:
    run = finished_run.copy(tmp_path / "run")
    path = run.path(name)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DamagedFileError, match=rf"{path}: not weights of this pipeline, or damaged"):
        search_for(run, model, run.file(7))
    assert f"{path}: not weights" in search_for(run, "baseline", run.file(7)).shown.remarks[0]


@pytest.mark.parametrize(
    ("model", "section", "changes", "refused"),
    [
        ("pgan", "detect_parts", {"max_parts": 5}, "data/parts/tiny.h5"),
        ("span_cpdm", "predict_part_masks", {"size": 10}, "data/part_masks/tiny.h5"),
        ("span_cpdm", "predict_foreground", {"size": 10}, "data/part_masks/tiny.h5"),
        ("baseline", "embed", {"batch_size": 5}, "data/features/tiny/baseline.h5"),
    ],
)
def test_parameters_that_changed_since_the_run_are_refused_as_the_stages_do(
    finished_run: TinyData, tmp_path: Path, model: str, section: str, changes: dict[str, int], refused: str
) -> None:
    run = finished_run.copy(tmp_path / "run")
    write_params(run.root, **{section: changes})
    message = rf"{refused}: made by values of digest \w{{12}}, expected \w{{12}}, those of .*params\.yaml"
    with pytest.raises(ValueError, match=message):
        search_for(run, model, run.file(7))


def test_weights_of_other_values_and_files_of_another_data_set_are_refused_as_the_stages_do(
    finished_run: TinyData, tmp_path: Path
) -> None:
    run = finished_run.copy(tmp_path / "run")
    tensors, metadata = weights.load(run.path("reid", "baseline"), REID_KIND)
    origin = origin_of(run.workspace("baseline"), "reid")
    weights.save(run.path("reid", "baseline"), tensors, REID_KIND, metadata | {"origin": origin | {"values": "f" * 64}})
    with pytest.raises(ValueError, match=r"baseline\.safetensors: made by values of digest f{12}, expected \w{12}"):
        search_for(run, "baseline", run.file(7))
    rewrite_cache(run.path("images"), run.path("images"), {"made_for": "other"})
    with pytest.raises(ValueError, match=r"images/tiny\.h5: expected a file made for 'tiny', got one for 'other'"):
        search_for(run, "baseline", run.file(7))


@pytest.mark.parametrize(
    ("missing", "stage"),
    [
        ("data/images/tiny.h5", "prepare"),
        ("data/part_masks/tiny.h5", "predict_part_masks"),
        ("data/foreground/tiny.h5", "predict_foreground"),
        ("data/features/tiny/span_cpdm.h5", "embed"),
        ("models/span.safetensors", "train_span"),
        ("models/foreground/tiny.safetensors", "train_foreground"),
        ("models/reid/tiny/span_cpdm.safetensors", "train_reid"),
    ],
)
def test_what_is_missing_is_named_with_the_stage_that_makes_it(
    finished_run: TinyData, tmp_path: Path, missing: str, stage: str
) -> None:
    run = finished_run.copy(tmp_path / "run")
    (run.root / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"{missing}: no such file; stage `{stage}` makes it"):
        search_for(run, "span_cpdm", finished_run.file(7))
