from pathlib import Path

import pytest
from jinja2 import UndefinedError

from pipeline.store.pages import environment


def test_values_are_escaped_whatever_the_template_is_called(tmp_path: Path) -> None:
    for name in ("page.html", "piece.txt"):
        (tmp_path / name).write_text("{{ name }}")
        assert environment(tmp_path).get_template(name).render(name="<b>&'\"") == "&lt;b&gt;&amp;&#39;&#34;"


def test_a_name_nobody_gave_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ report.absent }}")
    with pytest.raises(UndefinedError, match="absent"):
        environment(tmp_path).get_template("page.html").render(report=object())


def test_lines_of_tags_leave_nothing_and_the_first_folder_wins(tmp_path: Path) -> None:
    for folder, text in (("own", "{% if true %}\nown\n  {% endif %}\n"), ("shared", "shared\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "page.html").write_text(text)
    (tmp_path / "shared" / "base.html").write_text("base\n")
    pages = environment(tmp_path / "own", tmp_path / "shared")
    assert pages.get_template("page.html").render() == "own\n"
    assert pages.get_template("base.html").render() == "base\n"
