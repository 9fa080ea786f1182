from pathlib import Path

import pytest

from stages.command import printable
from tests.hostile.hostile_sets import SECRET, picture, prepared, write_table

ODD = (
    *("a b.png", "it's.png", 'a"b.png', "a;b.png", "$(id).png", "`id`.png", "%s%n.png", "{0}.png", "{{ 7 * 7 }}.png"),
    *(
        "-rf.png",
        ".hidden.png",
        "a,b.png",
        "<script>alert(1)</script>.png",
        "&amp;.png",
        "é.png",
        "日本語.png",
        "🚗.png",
    ),
    *("a\tb.png", "a\nb.png", "\x1b[31mred.png", "\u202egnp.exe", "a" * 200 + ".png", "CON.png", "a.png.", "#.png"),
    *("sub/dir/a.png", "no_ending", "a.JPG", "?.png", "*.png", "[a].png", "~.png", "a=b.png", "a|b.png", "a%2Fb.png"),
)
REFUSED = (
    *(
        "",
        "/etc/passwd",
        "../secret.png",
        "a/../../secret.png",
        "a/../good.png",
        "./good.png",
        "a//b.png",
        "a/",
        "..",
        ".",
    ),
    *("a\\b.png", "..\\secret.png", "C:\\a.png", "a\0.png", "\\\\host\\share\\a.png"),
)


def row(name: str) -> str:
    return '"' + name.replace('"', '""') + '",extra,,,'


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_a_name(tmp_path: Path, name: str) -> None:
    root = tmp_path / "raw"
    write_table(root, [row(name)])
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(picture())
    assert prepared(root) == [name]


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_leaves_the_folder_or_has_two_spellings_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(picture() + SECRET)
    write_table(tmp_path / "raw", [row(name)])
    with pytest.raises(ValueError, match=r"images\.csv, line 2"):
        prepared(tmp_path / "raw")


def test_control_characters_are_spelt_out_on_a_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\r\u202e\né") == "a\\x1b[2Jb\\x07\\r\\u202e\né"
