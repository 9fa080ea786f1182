from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_vehicles import TinyData, draw_vehicle, true_labels

from pipeline.artifacts.seeds import Seeds, write_seeds
from pipeline.foreground import grabcut
from pipeline.foreground.grabcut import GrabCutParams, have_failed, make_seeds, seed_mask
from pipeline.quality.masks import foreground_iou
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.params import build
from pipeline.store.resizing import resize

PARAMS = GrabCutParams(
    size=32,
    padding=16,
    iterations=1,
    corner_radius=1.2,
    orientations=2,
    min_share=0.1,
    max_share=0.95,
    min_agreement=0.7,
)


def test_a_vehicle_of_one_paint_is_found_in_every_drawn_image() -> None:
    for row in range(8):
        mask, agreement = seed_mask(draw_vehicle(row), PARAMS)
        assert mask.shape == (32, 32)
        assert set(np.unique(mask)) == {0, 255}
        assert foreground_iou(mask, true_labels()) > 0.8
        assert 0 < agreement <= 1


def test_a_seed_depends_neither_on_the_images_before_it_nor_on_opencvs_generator() -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    first, _ = seed_mask(image, PARAMS)
    cv2.setRNGSeed(99)
    seed_mask(draw_vehicle(3), PARAMS)
    np.testing.assert_array_equal(seed_mask(image, PARAMS)[0], first)


def test_two_orientations_keep_what_the_image_and_its_half_turn_agree_on() -> None:
    image = resize(draw_vehicle(2), 32, 32)
    both, agreement = seed_mask(image, PARAMS)
    single = replace(PARAMS, orientations=1)
    (upright, certain), (turned, _) = (
        seed_mask(image, single),
        seed_mask(np.ascontiguousarray(image[::-1, ::-1]), single),
    )
    assert certain == 1
    np.testing.assert_array_equal(both, np.minimum(upright, turned[::-1, ::-1]))
    assert agreement == pytest.approx((both > 0).sum() / (np.maximum(upright, turned[::-1, ::-1]) > 0).sum())


def test_an_image_of_one_colour_has_failed_seeds_and_raises_nothing() -> None:
    mask, agreement = seed_mask(np.full((20, 30, 3), 77, np.uint8), PARAMS)
    assert have_failed(mask[None], np.array([agreement], np.float32), PARAMS).all()


def test_almost_empty_almost_full_and_disagreeing_seeds_have_failed() -> None:
    masks = np.zeros((4, 10, 10), np.uint8)
    masks[1], masks[2, :5], masks[3, :5] = 255, 255, 255
    failed = have_failed(masks, np.array([1, 1, 1, 0.5], np.float32), PARAMS)
    np.testing.assert_array_equal(failed, [True, True, False, True])
    np.testing.assert_array_equal(Seeds(masks, failed).shares, np.array([0, 1, 0.5, 0.5], np.float32))


def write(store: ImageStore, params: GrabCutParams, output: Path, scratch: Path, processes: int = 1) -> int:
    """Make and write all seeds of a store; the number of failed ones."""
    seeds = make_seeds(store, params, scratch, processes)
    return write_seeds(output, store.digest, len(store), params.size, seeds, {})


def test_an_interrupted_run_goes_on_and_writes_the_same_bytes(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grabcut, "SHARD_ROWS", 3)
    straight, continued, scratch = tmp_path / "a.h5", tmp_path / "b.h5", tmp_path / "scratch"
    write(tiny_data.store, PARAMS, straight, tmp_path / "of_another")

    original, segmented = grabcut.seed_mask, []

    def broken(image: np.ndarray, params: GrabCutParams) -> tuple[np.ndarray, float]:
        if len(segmented) == 5:
            raise KeyboardInterrupt
        segmented.append(image)
        return original(image, params)

    monkeypatch.setattr(grabcut, "seed_mask", broken)
    with pytest.raises(KeyboardInterrupt):
        write(tiny_data.store, PARAMS, continued, scratch)
    assert not continued.exists()
    segmented.clear()
    monkeypatch.setattr(grabcut, "seed_mask", lambda *_: segmented.append(1) or original(*_))
    write(tiny_data.store, PARAMS, continued, scratch)
    assert len(segmented) == 5  # the first shard of three was kept
    assert continued.read_bytes() == straight.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "empty", "junk", "flipped", "of other images", "folder"])
def test_a_damaged_shard_is_set_aside_with_a_word_and_made_again(
    tiny_data: TinyData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: str,
) -> None:
    monkeypatch.setattr(grabcut, "SHARD_ROWS", 4)
    outputs, scratch = [tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "scratch"
    write(tiny_data.store, PARAMS, outputs[0], scratch)
    shard = min(scratch.glob("[!.]*"))
    content = shard.read_bytes()
    shard.unlink()
    if damage == "folder":
        shard.mkdir()
    elif damage == "of other images":
        with hdf5.create(shard, hdf5.Header(grabcut.SHARD, "0" * 64)) as cache:
            cache.array("masks", np.zeros((4, PARAMS.size, PARAMS.size), np.uint8))
            cache.array("agreements", np.ones(4, np.float32))
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        shard.write_bytes({"cut": content[:middle], "empty": b"", "junk": b"junk" * 99, "flipped": flipped}[damage])
    write(tiny_data.store, PARAMS, outputs[1], scratch)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    said = capsys.readouterr().err
    if damage != "flipped" or said:  # a bit that nothing reads may be the one that was flipped
        assert str(shard) in said
        assert f"set aside as {shard.name}.damaged" in said


def test_the_cache_holds_masks_shares_and_failures_of_every_row(tiny_data: TinyData, tmp_path: Path) -> None:
    store, output = tiny_data.store, tmp_path / "seeds.h5"
    strict = replace(PARAMS, max_share=0.3)  # the drawn vehicle fills 45 %
    assert write(store, strict, output, tmp_path / "scratch") == len(store)
    with hdf5.Cache(output, "grabcut/1", store.digest) as cache:
        assert cache["failed"][()].all()
        for row in range(len(store)):
            mask, _ = seed_mask(store.image(row), strict)
            np.testing.assert_array_equal(cache["masks"][row], mask)
            assert cache["foreground_share"][row] == pytest.approx((mask > 0).mean())


def test_processes_change_nothing(tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grabcut, "SHARD_ROWS", 4)
    outputs = [tmp_path / f"{processes}.h5" for processes in (1, 2)]
    for processes, output in enumerate(outputs, start=1):
        write(tiny_data.store, PARAMS, output, tmp_path / f"of_{processes}", processes)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"padding": 0}, r"grabcut\.padding: expected a number above 0, got 0"),
        ({"iterations": 0}, r"grabcut\.iterations: expected a number above 0, got 0"),
        ({"orientations": 3}, r"grabcut\.orientations: expected one of 1, 2, got 3"),
    ],
)
def test_impossible_parameters_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(GrabCutParams, asdict(PARAMS) | change, "grabcut")
