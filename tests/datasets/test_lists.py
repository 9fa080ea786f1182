from pathlib import Path

import pytest

from pipeline.datasets.formats.lists import first_existing, image_name, read_fields, read_lines, read_list, unlisted


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "list.txt").write_bytes(text.encode(encoding))
    return folder / "list.txt"


def test_a_list_is_read_in_its_order_and_names_get_their_ending(tmp_path: Path) -> None:
    images = read_list(write(tmp_path, "\ufeffb.JPG 2 c1\r\n\r\n a 1\tc2 \r\nd.png 3 c3"), "NAME VEHICLE CAMERA")
    assert images.fields == {"b.JPG": ("2", "c1"), "a.jpg": ("1", "c2"), "d.png": ("3", "c3")}
    assert list(images.fields) == ["b.JPG", "a.jpg", "d.png"]
    assert images.where("a.jpg") == f"{tmp_path}/list.txt, line 3"
    assert images.remarks == []


def test_a_line_that_repeats_another_is_counted_and_one_that_contradicts_it_is_refused(tmp_path: Path) -> None:
    images = read_list(write(tmp_path, "a 1\nb 2\na.jpg 1\n"), "NAME VEHICLE")
    assert images.fields == {"a.jpg": ("1",), "b.jpg": ("2",)}
    assert images.remarks == ["1 lines of list.txt repeat earlier ones"]
    with pytest.raises(ValueError, match=r"list\.txt, line 3: 'a\.jpg' is on line 1 too, with other fields"):
        read_list(write(tmp_path, "a 1\nb 2\na 3\n"), "NAME VEHICLE")


@pytest.mark.parametrize("line", ["a", "a 1 c1 x"])
def test_a_line_with_another_number_of_fields_is_named(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"a 1\nb 2 c2\n{line}\n")
    with pytest.raises(ValueError, match=rf"list\.txt, line 3: expected NAME VEHICLE \[CAMERA\], got '{line}'"):
        list(read_fields(path, "NAME VEHICLE [CAMERA]"))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_chinese_text_is_read_in_either_encoding(tmp_path: Path, encoding: str) -> None:
    assert list(read_lines(write(tmp_path, "a;大众\n", encoding))) == [(1, "a;大众")]


def test_what_is_no_text_is_refused_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"a\nb \xff\xff\n")
    with pytest.raises(ValueError, match=r"list\.txt, line 2: not a text file in UTF-8 or GB 18030"):
        list(read_lines(tmp_path / "list.txt"))


def test_only_names_without_an_image_files_ending_get_one() -> None:
    assert [image_name(name) for name in ("1", "v/1.jpg", "1.JPEG", "1.2", "1.TIF")] == [
        *("1.jpg", "v/1.jpg", "1.JPEG", "1.2.jpg", "1.TIF")
    ]


def test_the_first_of_the_known_names_that_exists_is_taken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected a file a\.txt or b\.txt"):
        first_existing(tmp_path, "a.txt", "b.txt")
    (tmp_path / "b.txt").touch()
    assert first_existing(tmp_path, "a.txt", "b.txt").name == "b.txt"
    (tmp_path / "a.txt").touch()
    assert first_existing(tmp_path, "a.txt", "b.txt").name == "a.txt"


def test_image_files_that_no_list_names_are_counted(tmp_path: Path) -> None:
    (tmp_path / "images" / "v").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "Thumbs.db", "v/c.JPG"):
        (tmp_path / "images" / name).touch()
    assert unlisted(tmp_path, "images", "*", {"images/a.jpg"}, "list") == ["1 files of images are not in list"]
    assert unlisted(tmp_path, "images", "*/*", set(), "list") == ["1 files of images are not in list"]
    assert unlisted(tmp_path, "images", "*", {"images/a.jpg", "images/b.jpg"}, "list") == []
    assert unlisted(tmp_path, "absent", "*", set(), "list") == []
