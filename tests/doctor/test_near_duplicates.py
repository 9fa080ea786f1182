from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import inspect_files
from pipeline.datasets.records import ImageRecord
from pipeline.doctor import near_duplicates
from pipeline.doctor.findings import Finding
from pipeline.doctor.near_duplicates import NEAR_BITS, find_near_duplicates, find_nearest, fingerprint

LIMITS = ImageLimitsParams(max_pixels=100_000, min_side=8, on_bad_image="skip")
TRAINED = ImageRecord("t1.png", "train", "1", "c1")
TESTED = ImageRecord("g1.jpg", "gallery", "2", None)


def picture(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(size=(120, 160, 3))
    return cv2.normalize(cv2.GaussianBlur(noise, None, 6), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def save(path: Path, image: NDArray[np.uint8], quality: int = 90) -> None:
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, quality])


def found_in(folder: Path, records: Sequence[ImageRecord]) -> list[Finding]:
    files = {record.path: folder / record.path for record in records}
    return find_near_duplicates(records, inspect_files(files, LIMITS, lambda paths, _: paths, folder, fingerprint))


@pytest.mark.parametrize("kind", ["as it is", "saved poorly", "halved", "doubled", "squared", "grey"])
def test_a_copy_saved_anew_or_resized_is_found_and_named(tmp_path: Path, kind: str) -> None:
    image = picture(0)
    save(tmp_path / "t1.png", image)
    copies = {
        "halved": cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "doubled": cv2.resize(image, None, fx=2, fy=2),
        "squared": cv2.resize(image, (128, 128)),
        "grey": cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
    }
    save(tmp_path / "g1.jpg", copies.get(kind, image), 30 if kind == "saved poorly" else 90)
    (finding,) = found_in(tmp_path, [TRAINED, TESTED])
    assert (finding.section, finding.level, finding.count) == ("duplicates", "note", 1)
    assert finding.examples == (
        "g1.jpg (gallery, vehicle 2, camera unknown) like t1.png (train, vehicle 1, camera c1)",
    )


@pytest.mark.parametrize("kind", ["another", "mirrored", "cropped"])
def test_another_picture_is_not_found(tmp_path: Path, kind: str) -> None:
    image = picture(0)
    save(tmp_path / "t1.png", image)
    save(tmp_path / "g1.jpg", {"another": picture(1), "mirrored": image[:, ::-1], "cropped": image[12:, 16:]}[kind])
    assert found_in(tmp_path, [TRAINED, TESTED]) == []


def test_copies_of_equal_bytes_are_left_to_the_other_check(tmp_path: Path) -> None:
    save(tmp_path / "t1.png", picture(0))
    save(tmp_path / "t2.jpg", picture(0))
    (tmp_path / "g1.jpg").write_bytes((tmp_path / "t2.jpg").read_bytes())
    assert found_in(tmp_path, [TRAINED, replace(TRAINED, path="t2.jpg"), TESTED]) == []


@pytest.mark.parametrize("split", ["train", "extra"])
def test_only_training_against_test_is_compared(tmp_path: Path, split: str) -> None:
    for name in ("t1.png", "g1.jpg"):
        save(tmp_path / name, picture(0))
    assert found_in(tmp_path, [TRAINED, replace(TESTED, split=split)]) == []
    assert len(found_in(tmp_path, [TRAINED, replace(TESTED, split="extra", roles={"small": "query"})])) == 1


def test_unreadable_images_are_left_out(tmp_path: Path) -> None:
    save(tmp_path / "t1.png", picture(0))
    (tmp_path / "g1.jpg").write_bytes(b"text")
    assert found_in(tmp_path, [TRAINED, TESTED]) == []


def test_each_tested_image_counts_once_and_the_nearest_are_shown_first(tmp_path: Path) -> None:
    records = [replace(TRAINED, path=f"t{number}.png") for number in range(2)]
    for record in records:
        save(tmp_path / record.path, picture(0))
    for number, quality in enumerate((60, 100, 40, 95)):
        records.append(replace(TESTED, path=f"g{number}.jpg"))
        save(tmp_path / records[-1].path, picture(0), quality)
    (finding,) = found_in(tmp_path, records)
    assert finding.count == 4
    assert [example.split()[0] for example in finding.examples][:2] == ["g1.jpg", "g3.jpg"]
    assert all("like t0.png" in example for example in finding.examples)


def flipped(prints: NDArray[np.uint8], bits: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    places = np.argsort(generator.random((len(prints), 256)), axis=1) < bits
    return prints ^ np.packbits(places, axis=1)


@pytest.mark.parametrize("at_once", [1, 50, 1 << 20])
def test_the_nearest_is_that_of_all_pairs(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(near_duplicates, "_PAIRS_AT_ONCE", at_once)
    generator = np.random.default_rng(0)
    trained = generator.integers(0, 256, (300, 32), np.uint8)
    trained = np.concatenate([trained, flipped(trained, 3, generator), trained])
    tested = np.concatenate([flipped(trained[:60], bits, generator) for bits in range(0, 20)])
    distances = np.bitwise_count(tested[:, None] ^ trained[None]).sum(axis=2, dtype=np.int64)
    near = distances.min(axis=1) <= NEAR_BITS
    assert 0 < near.sum() < len(near)
    found, nearest = find_nearest(tested, trained)
    np.testing.assert_array_equal(found, np.where(near, distances.min(axis=1), NEAR_BITS + 1))
    np.testing.assert_array_equal(nearest, np.where(near, distances.argmin(axis=1), 0))


def test_many_equal_images_are_not_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def counting(*words: NDArray[np.uint16]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        for rows, columns in equal_pairs(*words):
            compared.append(len(rows))
            yield rows, columns

    equal_pairs = near_duplicates._equal_pairs
    monkeypatch.setattr(near_duplicates, "_equal_pairs", counting)
    blank = np.zeros((2_000, 32), np.uint8)
    distances, nearest = find_nearest(blank, blank)
    assert not distances.any()
    assert not nearest.any()
    assert sum(compared) == 16
