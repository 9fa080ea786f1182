"""HTML pages from Jinja2 templates: Python says what a page shows, its templates how that looks."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(*folders: Path) -> Environment:
    """Make what renders a room's templates.

    Every value is escaped, whatever the name of its template; a name that a template uses and nobody gave it raises
    `jinja2.UndefinedError`. A line that holds nothing but a Jinja tag leaves nothing in the page.

    Args:
        folders: Where templates lie; the first folder that has one of the wanted name gives it.
    """
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
