"""Tables that benchmarks write into pages."""

from pathlib import Path

from pipeline.store.files import atomic


def put(page: Path, name: str, text: str) -> None:
    """Put text between a page's comments ``begin of NAME`` and ``end of NAME``, in place of what is there.

    Args:
        page: The page, a Markdown file.
        name: Which comments.
        text: Lines, without a line break at the end.

    Raises:
        ValueError: The page has no such comments.
    """
    begin, end = f"<!-- begin of {name} -->\n", f"<!-- end of {name} -->\n"
    content = page.read_text(encoding="utf-8")
    before, found, rest = content.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page}: expected the lines {begin.strip()} and {end.strip()}, in this order")
    with atomic(page) as temporary:
        temporary.write_text(f"{before}{begin}{text}\n{end}{after}", encoding="utf-8")
