"""Which code a re-ID network consists of, so that an edit of one network retrains the models made of it alone."""

import ast
import hashlib
from pathlib import Path

from pipeline.store.code import imported

FOLDERS = ("pipeline/reid/models", "pipeline/reid/blocks")
"""Where code lies that some networks use and others do not."""


def code_of(root: Path, network: str) -> dict[str, str]:
    """Digests of a network's module and of all it imports from `FOLDERS`, directly or not.

    Args:
        root: The folder of the code, that holds ``pipeline``.
        network: A module of ``pipeline/reid/models``.

    Returns:
        Path relative to `root` -> SHA-256 of its text, by path.

    Raises:
        ValueError: There is no such module.
    """
    first = root / FOLDERS[0] / f"{network}.py"
    if not first.exists():
        names = ", ".join(sorted(file.stem for file in first.parent.glob("*.py") if file.stem != "__init__"))
        raise ValueError(f"network: expected one of {names}, got {network!r}")
    seen: set[Path] = set()
    waiting = {first}
    while waiting:
        file = waiting.pop()
        seen.add(file)
        waiting |= _imported(root, file) - seen
    return {file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(seen)}


def _imported(root: Path, file: Path) -> set[Path]:
    """Files of `FOLDERS` that a file imports."""
    found = imported(ast.parse(file.read_text(encoding="utf-8")), root)
    return {module for module in found if module.parent.relative_to(root).as_posix() in FOLDERS}
