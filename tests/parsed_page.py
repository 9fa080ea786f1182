"""A page as a browser reads it, and names that break one which does not escape them."""

from html.parser import HTMLParser

HOSTILE = "\"'><evil onload='x'>&amp;{{ 7 * 7 }}"
VOID = {"meta", "img", "br", "link"}


class ParsedPage(HTMLParser):
    """Reads a page whose tags must close in the order they open.

    Attributes:
        tags: Every tag that opens, in order.
        texts: Every text and every attribute's value, unescaped.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.tags.append(tag)
        self.texts += [value for _, value in attrs if value]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def check_hostile_names(page: str, *names: str) -> None:
    """Check that every one of some names with `HOSTILE` in it is shown as it is written, and that none became a tag."""
    parsed = ParsedPage(page)
    assert "evil" not in parsed.tags
    for name in names:
        assert any(name in text for text in parsed.texts), name
