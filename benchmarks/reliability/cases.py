"""What is tried, and how."""

from collections.abc import Callable
from typing import NamedTuple


class Case(NamedTuple):
    """One way to damage something.

    Attributes:
        group: Row of the table.
        what: What is damaged, to find a case that does not hold.
        holds: Tries it; whether what came was an error that names the file, or nothing that differs.
    """

    group: str
    what: str
    holds: Callable[[], bool]
