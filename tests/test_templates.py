import ast
import re
from pathlib import Path

import pytest

from pipeline.store.pages import environment

ROOT = Path(__file__).parents[1]
CODE = sorted(path for folder in ("pipeline", "stages") for path in (ROOT / folder).rglob("*.py"))
TEMPLATES = sorted((ROOT / "pipeline").rglob("templates"))
TAG = re.compile(r"(?<!\(\?P)</?[a-z]+[ >]")
"""An HTML tag; a named group of a regular expression is none."""


def strings(code: str) -> list[str]:
    """Texts a module holds, but for its docstrings."""
    nodes = list(ast.walk(ast.parse(code)))
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in documentation]
    return [node.value for node in constants if isinstance(node.value, str)]


def test_what_html_in_code_looks_like_is_known() -> None:
    code = 'def f(x):\n    """A <b>docstring</b>."""\n    return f"<p>{x}</p>" + "a < b" + r"(?P<name>x)"'
    assert [text for text in strings(code) if TAG.search(text)] == ["<p>", "</p>"]


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_code_holds_html(path: Path) -> None:
    assert [text for text in strings(path.read_text(encoding="utf-8")) if TAG.search(text)] == []


@pytest.mark.parametrize("folder", TEMPLATES, ids=lambda path: path.parent.name)
def test_every_template_can_be_read_and_none_switches_escaping_off(folder: Path) -> None:
    pages = environment(folder)
    for name in pages.list_templates():
        text = (folder / name).read_text(encoding="utf-8")
        pages.compile(text, name)
        assert not re.search(r"\|\s*safe\b|autoescape", text), name
