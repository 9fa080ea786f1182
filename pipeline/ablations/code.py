"""Which code makes a result, so that what is finished is done again once that code has changed."""

import ast
import functools
import hashlib
from pathlib import Path

from pipeline.settings.code import imported

ROOT = Path(__file__).parents[2]
"""The folder of the code, that holds ``pipeline``."""
RUN = (
    "pipeline/reid/training.py",
    "pipeline/reid/embedding.py",
    "pipeline/retrieval/evaluation.py",
    "pipeline/ablations/runs.py",
)
"""Where the code starts that trains, embeds, measures any model and keeps what was measured."""
MASKS = (
    "pipeline/views/training.py",
    "pipeline/views/prediction.py",
    "pipeline/artifacts/views.py",
    "pipeline/ablations/masks.py",
)
"""Where the code starts that trains a SPAN for a row, predicts its part masks and keeps them."""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(entries: tuple[str, ...], root: Path = ROOT) -> str:
    """SHA-256 of some modules and all of ``pipeline`` they import, without comments, docstrings and layout.

    Args:
        entries: Paths of the modules, relative to `root`.
        root: The folder that holds ``pipeline``.
    """
    seen: dict[Path, str] = {}
    waiting = {root / entry for entry in entries}
    while waiting:
        file = waiting.pop()
        tree = ast.parse(file.read_text(encoding="utf-8"))
        waiting |= imported(tree, root) - {*seen, file}
        _strip(tree)
        seen[file] = ast.dump(tree)
    text = "\n".join(f"{file.relative_to(root).as_posix()} {seen[file]}" for file in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()


def of_network(network: str) -> tuple[str, ...]:
    """Where the code starts that a run of a network, a module of ``pipeline/reid/models``, consists of."""
    return (*RUN, f"pipeline/reid/models/{network}.py")


loaded_code = functools.cache(code_digest)
"""Digest of some code as it was when first asked for: an edit of a file does not reach a process that has loaded it."""


def _strip(tree: ast.Module) -> None:
    """Take all texts out that stand alone: docstrings of modules, classes, functions and fields."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            node.body = [line for line in node.body if not _is_text(line)]


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
