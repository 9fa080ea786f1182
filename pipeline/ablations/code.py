"""Which code a run consists of, so that a finished run is done again once that code has changed."""

import ast
import hashlib
from pathlib import Path

from pipeline.settings.code import imported

ROOT = Path(__file__).parents[2]
"""The folder of the code, that holds ``pipeline``."""
ENTRIES = (
    "pipeline/reid/training.py",
    "pipeline/reid/embedding.py",
    "pipeline/retrieval/evaluation.py",
    "pipeline/ablations/runs.py",
)
"""Where the code starts that trains, embeds, measures any model and keeps what was measured."""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(network: str, root: Path = ROOT) -> str:
    """SHA-256 of the code that decides a run, without its comments, docstrings and layout.

    Args:
        network: Module of ``pipeline/reid/models`` that is trained.
        root: The folder that holds ``pipeline``.
    """
    seen: dict[Path, str] = {}
    waiting = {root / entry for entry in (*ENTRIES, f"pipeline/reid/models/{network}.py")}
    while waiting:
        file = waiting.pop()
        tree = ast.parse(file.read_text(encoding="utf-8"))
        waiting |= imported(tree, root) - {*seen, file}
        _strip(tree)
        seen[file] = ast.dump(tree)
    text = "\n".join(f"{file.relative_to(root).as_posix()} {seen[file]}" for file in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()


def _strip(tree: ast.Module) -> None:
    """Take all texts out that stand alone: docstrings of modules, classes, functions and fields."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            node.body = [line for line in node.body if not _is_text(line)]


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
