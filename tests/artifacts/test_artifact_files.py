"""Files that one stage writes and others read: what goes in comes out, and nothing else is taken for it."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_vehicles import ROWS, TinyData, true_labels
from numpy.typing import NDArray

from pipeline.artifacts import attention
from pipeline.artifacts.attention import AttentionForm, Looks, check_boxes, create_attention, form_of, open_attention
from pipeline.artifacts.features import header_of, open_features, read_features, write_features
from pipeline.artifacts.foreground import open_foreground, write_foreground
from pipeline.artifacts.parts import Detections, open_parts, write_parts
from pipeline.artifacts.ranking import Ranking, read_ranking, write_ranking
from pipeline.artifacts.seeds import Seeds, open_seeds, write_seeds
from pipeline.artifacts.truth import Truth, open_truth, read_view_labels, write_truth
from pipeline.artifacts.views import area_ratios, open_views, write_views
from pipeline.store import hdf5, hdf5_writer

TABLE = "abc"
MAKERS = {"weights": "w", "params": "p"}


def random_masks(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def random_seeds() -> Seeds:
    return Seeds(np.where(random_masks(5, 4, 4) > 99, 255, 0).astype(np.uint8), np.array([0, 1, 0, 1, 1], bool))


def random_detections() -> Detections:
    generator = np.random.default_rng(1)
    boxes, scores = generator.random((5, 3, 4), np.float32), generator.random((5, 3), np.float32)
    return Detections(boxes, generator.integers(0, 16, (5, 3), np.uint8), scores)


def random_ranking() -> Ranking:
    distances = np.array([[0.1, 0.2], [0.3, np.inf]], np.float32)
    match, views = np.array([[True, False], [False, False]]), np.array([[[0.7, 0.3], [1, 0]], [[0.5, 0.5], [0, 0]]])
    weights = views.astype(np.float32)
    return Ranking(np.array([4, 7]), np.array([[1, 2], [3, -1]]), distances, match, weights, 2 * weights)


def keep_attention(path: Path) -> None:
    header = attention.header_of("mine", AttentionForm(2, 3, 0.1, 0.3), TABLE, "w", {"detector": "d"})
    with create_attention(path, header, np.array([2, 5, 6])) as keep:
        keep(random_looks())


def random_looks() -> Looks:
    generator = np.random.default_rng(2)
    return Looks(generator.random((3, 2), np.float32), generator.random((3, 3, 3), np.float32))


def keep_features(path: Path) -> None:
    values, ratios = np.arange(12, dtype=np.float32).reshape(3, 4), np.ones((3, 4), np.float32)
    header = header_of("mine", "cpdm", (1, 1, 1, 1), TABLE, "w")
    write_features(path, header, np.array([2, 5, 6]), iter([(values, ratios)]), ratio_count=4)


def keep_foreground(path: Path) -> None:
    write_foreground(path, TABLE, 5, 4, [random_masks(5, 4, 4)], MAKERS)


def keep_parts(path: Path) -> None:
    write_parts(path, TABLE, 5, 3, [random_detections()], MAKERS)


def keep_ranking(path: Path) -> None:
    write_ranking(path, TABLE, random_ranking(), MAKERS)


def keep_seeds(path: Path) -> None:
    write_seeds(path, TABLE, 5, 4, [random_seeds()], MAKERS)


def keep_views(path: Path) -> None:
    write_views(path, TABLE, 5, 4, [random_masks(5, 3, 4, 4)], MAKERS)


def keep_truth(path: Path) -> None:
    with hdf5_writer.create(path, hdf5.Header("truth/1", TABLE)):
        pass


FILES: dict[str, tuple[Callable[[Path], None], Callable[[Path, str], object]]] = {
    "attention/1": (keep_attention, open_attention),
    "features/1": (keep_features, open_features),
    "foreground/1": (keep_foreground, open_foreground),
    "parts/1": (keep_parts, open_parts),
    "ranking/2": (keep_ranking, read_ranking),
    "grabcut/1": (keep_seeds, open_seeds),
    "part_masks/1": (keep_views, open_views),
    "truth/1": (keep_truth, open_truth),
}
"""Kind of file -> what writes one, and what opens it."""


@pytest.mark.parametrize("kind", list(FILES))
def test_a_file_is_taken_by_its_kind_and_table_and_refused_by_any_other(tmp_path: Path, kind: str) -> None:
    keep, take = FILES[kind]
    keep(tmp_path / "file.h5")
    take(tmp_path / "file.h5", TABLE)
    with pytest.raises(ValueError, match=r"file\.h5: its rows follow the image table abc, but .* table other"):
        take(tmp_path / "file.h5", "other")
    for other, (keep_other, _) in FILES.items():
        if other != kind:
            keep_other(tmp_path / "other.h5")
            with pytest.raises(ValueError, match=f"other\\.h5: expected a file of kind '{kind}', got '{other}'"):
                take(tmp_path / "other.h5", TABLE)
    with pytest.raises(FileNotFoundError, match=r"absent\.h5"):
        take(tmp_path / "absent.h5", TABLE)


def test_attention_comes_back_with_its_form_and_never_incomplete(tmp_path: Path) -> None:
    keep_attention(tmp_path / "file.h5")
    with open_attention(tmp_path / "file.h5", TABLE) as cache:
        assert form_of(cache.header) == AttentionForm(2, 3, 0.1, 0.3)
        assert cache["rows"][()].tolist() == [2, 5, 6]
        for name, values in vars(random_looks()).items():
            np.testing.assert_array_equal(cache[name][()], values)
        with (
            pytest.raises(ValueError, match="dataset 'weights' has 0 rows written"),
            create_attention(tmp_path / "short.h5", cache.header, np.array([2])),
        ):
            pass
    assert not (tmp_path / "short.h5").exists()


def test_the_file_of_a_model_without_attention_says_so(tmp_path: Path) -> None:
    header = attention.header_of("mine", None, TABLE, "w", None)
    with create_attention(tmp_path / "file.h5", header, np.array([2, 5])):
        pass
    with open_attention(tmp_path / "file.h5", TABLE) as cache:
        assert form_of(cache.header) is None
        assert "rows" not in cache


def test_attention_to_the_boxes_of_another_detector_is_refused(tmp_path: Path) -> None:
    keep_attention(tmp_path / "attention.h5")
    for detector in ("d", "e"):
        write_parts(tmp_path / f"{detector}.h5", TABLE, 5, 3, [random_detections()], {"detector": detector})
    weighed = open_attention(tmp_path / "attention.h5", TABLE)
    check_boxes(weighed, open_parts(tmp_path / "d.h5", TABLE))
    with pytest.raises(ValueError, match=r"attention\.h5: made with parts detector d, expected e"):
        check_boxes(weighed, open_parts(tmp_path / "e.h5", TABLE))


@pytest.mark.parametrize("ratio_count", [4, 0])
def test_features_come_back_with_how_they_compare(tmp_path: Path, ratio_count: int) -> None:
    values, ratios = random_masks(5, 7).astype(np.float32), random_masks(5, 4).astype(np.float32)
    header = header_of("mine", "cpdm", (4, 1, 1, 1), TABLE, "w")
    batches = iter([(values[:3], ratios[:3]), (values[3:], ratios[3:])])
    write_features(tmp_path / "file.h5", header, np.array([1, 4, 5, 8, 9]), batches, ratio_count=ratio_count)
    found, same = read_features(tmp_path / "file.h5", TABLE)
    assert same == header
    assert (same.notes["model"], same.made_by) == ("mine", {"weights": "w"})
    assert (found.distance, found.dimensions, found.rows.tolist()) == ("cpdm", (4, 1, 1, 1), [1, 4, 5, 8, 9])
    np.testing.assert_array_equal(found.features, values)
    np.testing.assert_array_equal(found.area_ratios, ratios[:, :ratio_count])


def test_foreground_masks_come_back_whatever_the_batches(tmp_path: Path) -> None:
    masks = random_masks(5, 4, 4)
    write_foreground(tmp_path / "file.h5", TABLE, 5, 4, iter([masks[:2], masks[2:]]), MAKERS)
    with open_foreground(tmp_path / "file.h5") as cache:
        np.testing.assert_array_equal(cache["masks"][()], masks)
        assert (cache.header.made_by, cache.header.notes) == (MAKERS, {"size": 4})


def test_part_boxes_come_back_with_what_made_them(tmp_path: Path) -> None:
    keep_parts(tmp_path / "file.h5")
    with open_parts(tmp_path / "file.h5", TABLE) as cache:
        for name, values in vars(random_detections()).items():
            np.testing.assert_array_equal(cache[name][()], values)
        assert (cache.header.made_by, cache.header.notes) == (MAKERS, {"max_parts": 3})


def test_a_ranking_comes_back(tmp_path: Path) -> None:
    keep_ranking(tmp_path / "file.h5")
    found, expected = read_ranking(tmp_path / "file.h5", TABLE), random_ranking()
    for values, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(values, wanted)
        assert values.dtype == wanted.dtype


def test_seeds_come_back_with_their_shares_and_failures_are_counted(tmp_path: Path) -> None:
    seeds = random_seeds()
    halves = [Seeds(seeds.masks[:2], seeds.failed[:2]), Seeds(seeds.masks[2:], seeds.failed[2:])]
    assert write_seeds(tmp_path / "file.h5", TABLE, 5, 4, halves, MAKERS) == 3
    with open_seeds(tmp_path / "file.h5", TABLE) as cache:
        np.testing.assert_array_equal(cache["masks"][()], seeds.masks)
        np.testing.assert_array_equal(cache["failed"][()], seeds.failed)
        np.testing.assert_array_equal(cache["foreground_share"][()], (seeds.masks == 255).mean((1, 2)))


def test_area_ratios_are_each_masks_share_of_all_three() -> None:
    masks = np.zeros((2, 3, 4, 4), np.uint8)
    masks[0, 0], masks[0, 2] = 255, 85
    assert area_ratios(masks).tolist() == [[0.75, 0.0, 0.25], [0.0, 0.0, 0.0]]
    assert area_ratios(masks).dtype == np.float32


def test_view_masks_come_back_with_their_ratios_and_are_never_left_incomplete(tmp_path: Path) -> None:
    block = np.full((2, 3, 4, 4), 9, np.uint8)
    write_views(tmp_path / "masks.h5", TABLE, 3, 4, iter([block, block[:1]]), MAKERS)
    with open_views(tmp_path / "masks.h5", TABLE) as cache:
        np.testing.assert_array_equal(cache["masks"][()], np.full((3, 3, 4, 4), 9))
        assert np.allclose(cache["area_ratios"][()], 1 / 3)
        assert cache.header.made_by == MAKERS
    with pytest.raises(ValueError, match="has 2 rows written"):
        write_views(tmp_path / "short.h5", TABLE, 3, 4, iter([block]), MAKERS)
    assert not (tmp_path / "short.h5").exists()


def test_ground_truth_comes_back_by_row_and_says_what_it_knows(tiny_data: TinyData, tmp_path: Path) -> None:
    store = tiny_data.store
    labels, azimuths = true_labels(), np.arange(len(ROWS), dtype=np.float32)
    encoded = cv2.imencode(".png", labels)[1].tobytes()
    write_truth(tmp_path / "file.h5", store, Truth({2: encoded}, azimuths, complete=True))
    with open_truth(tmp_path / "file.h5", store.digest) as cache:
        assert cache.header.notes == {"views": True, "complete": True}
        np.testing.assert_array_equal(read_view_labels(cache, 2), labels)
        assert read_view_labels(cache, 1) is None
        np.testing.assert_array_equal(cache["azimuth"][()], azimuths)
