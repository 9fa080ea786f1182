import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.datasets.formats.csv_table import read_csv
from pipeline.labelling import label_file
from pipeline.labelling.label_file import LabelFile
from pipeline.store.files import atomic

REPOSITORY = Path(__file__).parents[2]


def test_labels_are_on_disk_at_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "labels.csv"
    labels = LabelFile(path)
    labels.put("b/1.jpg", "front-side")
    labels.put("a,2.jpg", None)
    assert path.read_text() == 'image,viewpoint\nb/1.jpg,front-side\n"a,2.jpg",\n'
    assert LabelFile(path).viewpoints == {"b/1.jpg": "front-side", "a,2.jpg": None}


def test_a_second_label_replaces_the_first_and_can_be_taken_back(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    for image, viewpoint in (("a", "front"), ("b", "rear"), ("a", "side")):
        labels.put(image, viewpoint)
    assert labels.path.read_text() == "image,viewpoint\nb,rear\na,side\n"
    labels.take_back("a")
    assert labels.path.read_text() == "image,viewpoint\nb,rear\n"
    assert labels.viewpoints == {"b": "rear"}


def test_rows_labelled_elsewhere_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("viewpoint,image\n3,z.jpg\nfront,z.jpg\n,y.jpg\n", encoding="utf-8-sig")
    LabelFile(path).put("a.jpg", "rear")
    assert path.read_text() == "image,viewpoint\nz.jpg,3\nz.jpg,front\ny.jpg,\na.jpg,rear\n"


def test_rows_that_another_program_adds_meanwhile_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    one, other = LabelFile(path), LabelFile(path)
    for number in range(3):
        one.put(f"one{number}", "front")
        other.put(f"other{number}", "rear")
    assert len(LabelFile(path).viewpoints) == 6
    assert one.viewpoints.keys() < other.viewpoints.keys()


def test_a_row_that_another_program_adds_right_after_one_s_own_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "labels.csv"
    one, other = LabelFile(path), LabelFile(path)

    @contextlib.contextmanager
    def followed(path: Path) -> Iterator[Path]:
        with atomic(path) as temporary:
            yield temporary
        monkeypatch.setattr(label_file, "atomic", atomic)
        other.put("b", "rear")

    monkeypatch.setattr(label_file, "atomic", followed)
    for image in ("a", "c"):
        one.put(image, "front")
    assert LabelFile(path).viewpoints == {"a": "front", "b": "rear", "c": "front"}


def test_a_file_that_was_removed_is_written_again(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    labels.put("a", "front")
    labels.path.unlink()
    labels.put("b", "rear")
    assert LabelFile(labels.path).viewpoints == {"a": "front", "b": "rear"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected the columns image and viewpoint alone, the header is empty"),
        ("image,viewpoint,camera\n", "line 1: .* the header is image, viewpoint, camera"),
        ("path,viewpoint\na,front\n", "line 1: .* the header is path, viewpoint"),
        ("image,viewpoint\na,front\nb,top\n", "line 3, column viewpoint: .* got 'top'"),
        ("image,viewpoint\na,front\n,rear\n", "line 3, column image: expected the path of an image"),
        ("image,viewpoint\na\n", "line 2: expected 2 cells"),
        ('image,viewpoint\n"a,front\n', "line 2: not a CSV file"),
        (f"image,{'v' * 200_000}\n", "line 1: not a CSV file"),
    ],
)
def test_a_csv_of_another_shape_is_refused_by_name_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*{message}"):
        LabelFile(path)
    assert path.read_text() == text


def test_a_file_edited_into_another_shape_is_not_overwritten(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    labels.put("a", "front")
    labels.path.write_text("image,viewpoint,who\na,front,me\n")
    with pytest.raises(ValueError, match=r"labels\.csv, line 1"):
        labels.put("b", "rear")
    assert labels.path.read_text() == "image,viewpoint,who\na,front,me\n"


def test_an_unknown_viewpoint_is_refused(tmp_path: Path) -> None:
    labels = LabelFile(tmp_path / "labels.csv")
    with pytest.raises(ValueError, match="viewpoint: expected one of front, .* got 'top'"):
        labels.put("a", "top")
    assert not labels.path.exists()


@pytest.mark.parametrize("after", [1, 7, 40])
def test_a_killed_program_leaves_every_label_it_confirmed(tmp_path: Path, after: int) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.labelling.label_file import LabelFile\n"
        "labels = LabelFile(Path(sys.argv[1]))\n"
        "for number in range(100000):\n"
        "    labels.put(f'{number}.jpg', 'rear-side'); print(number, flush=True)"
    )
    path = tmp_path / "labels.csv"
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert program.stdout is not None
    confirmed = [program.stdout.readline() for _ in range(after)]
    os.kill(program.pid, signal.SIGKILL)
    confirmed += program.communicate()[0].splitlines()
    rows = [row["image"] for _, row in read_csv(path, ("image", "viewpoint"))]
    assert len(confirmed) >= after
    assert rows[: len(confirmed)] == [f"{number}.jpg" for number in range(len(confirmed))]
    assert len(rows) <= len(confirmed) + 1
    resumed = LabelFile(path)
    resumed.put("next.jpg", "front")
    assert [name for name in os.listdir(tmp_path) if not name.startswith(".")] == ["labels.csv"]
    assert len(LabelFile(path).viewpoints) == len(rows) + 1


def test_four_programs_at_once_lose_no_label_that_was_confirmed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pipeline.labelling.label_file import LabelFile\n"
        "labels, who = LabelFile(Path(sys.argv[1])), sys.argv[2]\n"
        "sys.stdin.readline()\n"
        "for number in range(150):\n"
        "    while True:\n"
        "        try:\n"
        "            labels.put(f'{who}{number}.jpg', 'rear-side'); break\n"
        "        except RuntimeError: time.sleep(0.0005)"
    )
    path, names = tmp_path / "labels.csv", ("one", "two", "three", "four")
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    programs = [
        subprocess.Popen([sys.executable, "-c", code, str(path), who], text=True, cwd=REPOSITORY, **pipes)
        for who in names
    ]
    for program in programs:  # all wait for this line, so that none is done before another began
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()
    errors = [program.communicate()[1] for program in programs]
    expected = {f"{who}{number}.jpg": "rear-side" for who in names for number in range(150)}
    assert LabelFile(path).viewpoints == expected
    assert errors == [""] * len(names)
