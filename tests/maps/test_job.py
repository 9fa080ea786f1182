from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.maps import job
from pipeline.maps.columns import Arrays, Columns, chosen, joined, loaded
from pipeline.maps.finished import ROWS
from pipeline.maps.job import Engine, Job
from pipeline.maps.keys import maker_digest, row_keys
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.files import file_digest

ROWS_IN_ALL = 7


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "SHARD_ROWS", 2)
    monkeypatch.setattr(job, "BLOCK_ROWS", 3)


def squares(columns: Columns) -> Arrays:
    numbers = np.array(list(columns["numbers"]))
    return {"square": numbers**2, "pair": np.stack([numbers, -numbers], 1).astype(np.uint8)}


def counting(seen: list[int], stop_after: int | None = None) -> Engine:
    """Computes squares, last shard first, and notes of which numbers."""

    def engine(columns: Columns, shards: Sequence[NDArray[np.int64]]) -> Iterator[tuple[NDArray[np.int64], Arrays]]:
        for shard in reversed(shards):
            if stop_after is not None and len(seen) >= stop_after:
                raise KeyboardInterrupt
            read = loaded(columns, shard)
            seen.extend(read["numbers"])
            yield shard, squares(read)

    return engine


def squares_of(numbers: Sequence[int], folder: Path, maker: str = "m", former: Sequence[Path] = ()) -> Job:
    digests = np.array([f"{number:064x}" for number in numbers])
    files = [{ROWS: place / "rows.h5", "squares": place / "squares.h5"} for place in (folder, *former)]
    names = {"square": "squares", "pair": "squares"}
    columns = {"numbers": list(numbers)}
    return Job(columns, row_keys(digests), maker, "t", folder / "scratch" / maker, files[0], names, files[1:])


def run(task: Job, engine: Engine) -> bytes:
    """The bytes of the cache that a job writes."""
    with (
        task.finished(engine) as blocks,
        hdf5_writer.create(task.files["squares"], hdf5.Header("squares/1", "t")) as cache,
    ):
        square = cache.rows("square", len(task.keys), (), np.int64)
        pair = cache.rows("pair", len(task.keys), (2,), np.uint8, compress=True)
        for block in blocks:
            square.append(block["square"])
            pair.append(block["pair"])
    return task.files["squares"].read_bytes()


def test_results_come_in_row_order_whatever_the_order_of_shards(tmp_path: Path) -> None:
    task, seen = squares_of([5, 3, 9, 1, 2, 8, 4], tmp_path), []
    run(task, counting(seen))
    assert sorted(seen) == [1, 2, 3, 4, 5, 8, 9]
    assert hdf5.Cache(task.files["squares"], "squares/1")["square"][()].tolist() == [25, 9, 81, 1, 4, 64, 16]
    assert list(task.scratch.glob("*.h5"))  # kept until the stage has ended well


def test_an_interrupted_job_goes_on_and_writes_the_same_bytes(tmp_path: Path) -> None:
    straight = run(squares_of(range(7), tmp_path / "straight"), counting([]))
    task, first, second = squares_of(range(7), tmp_path / "continued"), [], []
    with pytest.raises(KeyboardInterrupt):
        run(task, counting(first, stop_after=3))
    assert not task.files["squares"].exists()
    assert run(task, counting(second)) == straight
    assert sorted(first + second) == list(range(7))


@pytest.mark.parametrize("damage", ["cut", "empty", "junk", "flipped", "of another kind", "folder"])
def test_a_damaged_shard_is_set_aside_with_a_word_and_its_rows_are_computed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    task = squares_of(range(7), tmp_path)
    straight = run(task, counting([]))
    shard = min(task.scratch.glob("*.h5"))
    with hdf5.Cache(shard, "rows_shard/1") as cache:
        squares_kept = cache["square"][()]
    content = shard.read_bytes()
    shard.unlink()
    if damage == "folder":
        shard.mkdir()
    elif damage == "of another kind":
        with hdf5_writer.create(shard, hdf5.Header("squares/1", "t")) as cache:
            cache.array("square", np.arange(7))
    else:
        place = content.index(squares_kept.tobytes())
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        shard.write_bytes({"cut": content[:place], "empty": b"", "junk": b"junk" * 99, "flipped": flipped}[damage])
    task.files[ROWS].unlink()
    seen: list[int] = []
    assert run(task, counting(seen)) == straight
    assert sorted(number**2 for number in seen) == sorted(squares_kept)
    said = capsys.readouterr().err
    assert str(shard) in said
    assert f"set aside as {shard.name}.damaged" in said


def test_of_added_rows_alone_anything_is_computed_and_the_bytes_are_those_of_a_full_run(tmp_path: Path) -> None:
    run(squares_of([4, 2, 6], tmp_path / "before"), counting([]))
    full = run(squares_of([1, 2, 3, 4, 5, 6], tmp_path / "full"), counting([]))
    seen: list[int] = []
    added = squares_of([1, 2, 3, 4, 5, 6], tmp_path / "added", former=[tmp_path / "absent", tmp_path / "before"])
    assert run(added, counting(seen)) == full
    assert sorted(seen) == [1, 3, 5]
    indices = [(tmp_path / name / "rows.h5").read_bytes() for name in ("full", "added")]
    assert indices[0] == indices[1]


def test_the_former_version_in_the_same_place_serves(tmp_path: Path) -> None:
    run(squares_of([4, 2, 6], tmp_path), counting([]))
    seen: list[int] = []
    run(squares_of([6, 7], tmp_path, former=[tmp_path]), counting(seen))
    assert seen == [7]


def test_nothing_is_taken_of_another_maker(tmp_path: Path) -> None:
    run(squares_of([4, 2], tmp_path / "before", maker="other"), counting([]))
    seen: list[int] = []
    run(squares_of([4, 2], tmp_path / "after", former=[tmp_path / "before"]), counting(seen))
    assert sorted(seen) == [2, 4]


def test_nothing_is_taken_of_a_cache_that_is_not_the_one_its_index_is_of(tmp_path: Path) -> None:
    before = squares_of([4, 2], tmp_path / "before")
    run(before, counting([]))
    other = squares_of([9, 8], tmp_path / "other")
    run(other, counting([]))
    other.files["squares"].replace(before.files["squares"])
    seen: list[int] = []
    run(squares_of([4, 2], tmp_path / "after", former=[tmp_path / "before"]), counting(seen))
    assert sorted(seen) == [2, 4]


def test_an_engine_that_leaves_rows_out_is_noticed(tmp_path: Path) -> None:
    task = squares_of(range(4), tmp_path)
    with pytest.raises(RuntimeError, match=r"rows\.h5: 4 of 4 rows were not computed"):
        run(task, lambda columns, shards: iter(()))
    assert not task.files["squares"].exists()
    assert not task.files[ROWS].exists()


def test_shards_are_made_of_whole_batches(tmp_path: Path) -> None:
    sizes: list[int] = []

    def noting(columns: Columns, shards: Sequence[NDArray[np.int64]]) -> Iterator[tuple[NDArray[np.int64], Arrays]]:
        sizes.extend(map(len, shards))
        yield from counting([])(columns, shards)

    run(replace(squares_of(range(7), tmp_path), unit=3), noting)
    assert sizes == [3, 3, 1]


def test_an_index_says_of_which_cache_it_is_and_by_which_maker(tmp_path: Path) -> None:
    task = squares_of([4, 2], tmp_path)
    run(task, counting([]))
    with hdf5.Cache(task.files[ROWS], "rows/1", "t") as index:
        assert index.header.made_by == {"maker": "m"}
        assert index.header.notes == {"files": {"squares": file_digest(task.files["squares"])}}
        assert [key.hex().zfill(64) for key in index["keys"][()].tolist()] == [f"{number:064x}" for number in (4, 2)]


def test_a_row_is_known_by_all_that_is_read_of_it() -> None:
    digests = np.array(["ab" * 32, "ab" * 32, "cd" * 32])
    assert row_keys(digests).tolist() == [bytes.fromhex(digest) for digest in digests]
    boxes = [np.zeros(2), np.ones(2), np.zeros(2)]
    assert len(set(row_keys(digests, [boxes]).tolist())) == 3
    assert row_keys(digests, [boxes])[0] == row_keys(digests[:1], [np.zeros((1, 2))])[0]


@pytest.mark.parametrize(
    "other",
    [
        lambda: maker_digest({"size": 2}, ("pipeline.store.boxes",)),
        lambda: maker_digest({"size": 1}, ("pipeline.store.masks",)),
    ],
)
def test_a_maker_is_known_by_its_values_and_its_code(other: Callable[[], str]) -> None:
    digest = maker_digest({"size": 1}, ("pipeline.store.boxes", "torchvision.models"))
    assert digest == maker_digest({"size": 1}, ("pipeline.store.boxes",))
    assert digest != other()


def test_columns_are_read_when_they_are_asked_for() -> None:
    read: list[int] = []

    class Noting(list[int]):
        def __getitem__(self, row: int) -> int:  # type: ignore[override]
            read.append(row)
            return super().__getitem__(row)

    some = chosen({"numbers": Noting([10, 11, 12, 13])}, np.array([3, 1, 2]))
    assert read == []
    assert list(some["numbers"][:2]) == [13, 11]
    assert read == [3, 1]
    assert loaded(some, np.array([2])) == {"numbers": [12]}


def test_joined_blocks_keep_their_order() -> None:
    assert joined([{"a": np.array([1, 2])}, {"a": np.array([3])}])["a"].tolist() == [1, 2, 3]
