import errno
import fcntl
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.store.files import DamagedFileError
from pipeline.store.hdf5 import Cache, Header, check_same, read_header
from pipeline.store.hdf5_writer import create

REPOSITORY = Path(__file__).parents[2]
HEADER = Header("masks/1", "table", {"weights": "abc"}, {"size": 4})


def write(path: Path, header: Header = HEADER) -> Path:
    masks = np.arange(5 * 4 * 4, dtype=np.uint8).reshape(5, 4, 4)
    with create(path, header) as cache:
        rows = cache.rows("masks", 5, (4, 4), np.uint8, compress=True)
        rows.append(masks[:3])
        rows.append(masks[3:])
        cache.array("names", ["a", "größer", ""])
        cache.array("scores", np.array([0.5, np.nan], np.float32))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with Cache(write(tmp_path / "a.h5"), "masks/1", "table") as cache:
        assert cache.header == HEADER
        np.testing.assert_array_equal(cache["masks"][4], np.arange(64, 80).reshape(4, 4))
        assert cache["masks"].dtype == np.uint8
        assert list(cache.text("names")) == ["a", "größer", ""]
        np.testing.assert_array_equal(cache["scores"][()], np.array([0.5, np.nan], np.float32))
        assert "masks" in cache
        assert "boxes" not in cache


def test_equal_content_gives_equal_bytes_whatever_the_name(tmp_path: Path) -> None:
    assert write(tmp_path / "a.h5").read_bytes() == write(tmp_path / "other.h5").read_bytes()


def test_the_room_kept_free_goes_back_and_nothing_stands_behind_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    status = path.stat()
    assert status.st_size < 20_000
    assert status.st_blocks * 512 < 64_000
    with h5py.File(path) as file:
        assert file.id.get_filesize() == status.st_size


def test_a_row_is_one_chunk(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "a.h5")) as file:
        assert file["masks"].chunks == (1, 4, 4)


def test_missing_rows_leave_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(ValueError, match="'masks' has 1 rows written"), create(path, HEADER) as cache:
        cache.rows("masks", 2, (4,), np.uint8).append(np.zeros((1, 4), np.uint8))
    assert list(tmp_path.glob("[!.]*")) == []


FILL = """
import resource, sys
from pathlib import Path
import numpy as np
from pipeline.store.hdf5 import Header
from pipeline.store.hdf5_writer import create
size, path = int(sys.argv[1]), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    with create(path, Header("masks/1", "table")) as cache:
        rows = cache.rows("masks", 22_000, (32, 32), np.uint8, compress=True)
        for _ in range(2200):
            rows.append(np.random.default_rng(0).integers(0, 256, (10, 32, 32), np.uint8))
        cache.array("scores", np.zeros(9000))
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize("size", [0, 100, 50_000, (16 << 20) - 1, (16 << 20) + 1, 20 << 20])
def test_a_write_that_the_file_system_refuses_is_one_line_that_names_the_file_and_no_crash(
    tmp_path: Path, size: int
) -> None:
    path = tmp_path / "a.h5"
    ended = subprocess.run(
        [sys.executable, "-c", FILL, str(size), str(path)], cwd=REPOSITORY, text=True, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"[Errno {errno.EFBIG}] File too large: '{path}'\n"
    assert list(tmp_path.glob("[!.]*")) == []
    assert not list(tmp_path.glob("*.tmp"))


def test_too_many_rows_are_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got 3 rows for a cache of 2"), create(tmp_path / "a.h5", HEADER) as cache:
        cache.rows("masks", 2, (4,), np.uint8).append(np.zeros((3, 4), np.uint8))


@pytest.mark.parametrize(
    ("schema", "table", "message"),
    [("masks/2", "table", "expected a file of kind 'masks/2', got 'masks/1'"), ("masks/1", "other", "table other")],
)
def test_a_cache_of_another_kind_or_table_is_refused(tmp_path: Path, schema: str, table: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cache(write(tmp_path / "a.h5"), schema, table)


def test_a_cache_travels_to_workers_without_its_handle(tmp_path: Path) -> None:
    cache = Cache(write(tmp_path / "a.h5"), "masks/1")
    expected = cache["masks"][2]
    with pickle.loads(pickle.dumps(cache)) as copy, cache:
        np.testing.assert_array_equal(copy["masks"][2], expected)


def test_a_forked_process_opens_the_file_anew_and_leaves_the_first_handle_to_its_owner(tmp_path: Path) -> None:
    with Cache(write(tmp_path / "a.h5"), "masks/1") as cache:
        inherited, expected = cache.file, cache["masks"][2]
        context = multiprocessing.get_context("fork")
        answers = context.SimpleQueue()

        def read() -> None:
            row = cache["masks"][2]
            answers.put((cache.file is inherited, bool(inherited), cache.file is cache.file, row.tolist()))

        child = context.Process(target=read)
        child.start()
        assert answers.get() == (False, False, True, expected.tolist())
        child.join()
        assert cache.file is inherited
        np.testing.assert_array_equal(cache["masks"][2], expected)


def test_a_dataset_is_opened_once_and_anew_when_the_file_is(tmp_path: Path) -> None:
    with Cache(write(tmp_path / "a.h5"), "masks/1") as cache:
        first, expected = cache["masks"], cache["masks"][2]
        assert cache["masks"] is first
        cache.close()
        assert cache["masks"] is not first
        np.testing.assert_array_equal(cache.row("masks", 2), expected)


def test_an_absent_dataset_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    with Cache(write(tmp_path / "a.h5"), "masks/1") as cache, pytest.raises(KeyError, match="'boxes'.*masks, names"):
        cache["boxes"]


def test_an_absent_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.h5.*dvc repro"):
        read_header(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match="not a cache of this pipeline"):
        read_header(tmp_path / "text.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["masks"] = np.zeros(3)
    with pytest.raises(ValueError, match="not a cache of this pipeline"):
        read_header(tmp_path / "foreign.h5")


def test_makers_that_differ_are_both_named() -> None:
    check_same("weights", {"weights": "abc"}, {"weights": "abc"}, Path("a.h5"))
    with pytest.raises(ValueError, match=r"a\.h5: made with weights def, expected abc"):
        check_same("weights", {"weights": "abc"}, {"weights": "def"}, Path("a.h5"))


def test_the_bytes_do_not_depend_on_how_many_rows_come_at_once(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 9, (400, 3, 64, 64), dtype=np.uint8)  # more than HDF5 buffers
    written = set()
    for size in (7, 100, 400):
        with create(tmp_path / "file.h5", HEADER) as cache:
            masks = cache.rows("masks", 400, (3, 64, 64), np.uint8, compress=True)
            sums = cache.rows("sums", 400, (), np.int64)
            for start in range(0, 400, size):
                masks.append(values[start : start + size])
                sums.append(values[start : start + size].sum((1, 2, 3)))
        written.add((tmp_path / "file.h5").read_bytes())
    assert len(written) == 1


def content_of(path: Path) -> tuple[Header, dict[str, list[object]]]:
    with Cache(path, "masks/1", "table") as cache:
        return cache.header, {name: [cache[name].dtype.str, cache[name][()].tobytes()] for name in cache.file}


def test_a_flipped_bit_anywhere_is_refused_naming_the_file_or_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    content, expected = path.read_bytes(), content_of(path)
    refused = 0
    for place in range(0, len(content), 13):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found, message = content_of(path), ""
        except (ValueError, KeyError) as error:
            found, message = expected, str(error)
        assert found == expected, place
        assert not message or str(path) in message
        refused += bool(message)
    assert refused > len(content) / 13 / 4


def test_a_damaged_dataset_is_named_with_its_file_and_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    content = path.read_bytes()
    scores = np.array([0.5, np.nan], np.float32).tobytes()
    path.write_bytes(content.replace(scores, scores[:3] + bytes([scores[3] ^ 1]) + scores[4:]))
    with Cache(path, "masks/1") as cache:
        np.testing.assert_array_equal(cache["masks"][0], np.arange(16).reshape(4, 4))
        with pytest.raises(DamagedFileError, match=r"a\.h5: dataset 'scores' is damaged: expected .*, found"):
            cache["scores"][()]


def test_a_dataset_without_rows_is_written_and_read(tmp_path: Path) -> None:
    with create(tmp_path / "a.h5", HEADER) as cache:
        cache.rows("masks", 0, (4, 4), np.uint8, compress=True)
        cache.array("names", np.array([], str))
    with Cache(tmp_path / "a.h5", "masks/1") as cache:
        assert (cache["masks"].shape, len(cache.text("names"))) == ((0, 4, 4), 0)


def test_a_header_longer_than_hdf5_keeps_in_one_piece_comes_back(tmp_path: Path) -> None:
    header = Header("masks/1", "table", notes={"remarks": ["größer " * 30_000]})
    assert read_header(write(tmp_path / "a.h5", header)) == header


def test_a_file_that_another_program_holds_is_called_locked_not_foreign(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    with open(path, "rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match=r"a\.h5: locked: .*HDF5_USE_FILE_LOCKING=FALSE"):
            read_header(path)
    assert read_header(path) == HEADER
