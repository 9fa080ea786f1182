"""Which code makes a result: modules and all they import, as one digest, and the versions of the libraries below."""

import ast
import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder of the code, that holds ``pipeline`` and ``stages``."""
LIBRARIES = ("h5py", "numpy", "opencv-python", "torch", "torchvision")
"""Packages whose versions change what a stage computes."""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def imported(tree: ast.Module, root: Path) -> set[Path]:
    """Modules of ``pipeline`` that a module imports, however it is written.

    Args:
        tree: The module.
        root: The folder of the code, that holds ``pipeline``.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = {root / f"{name.replace('.', '/')}.py" for name in names if name.startswith("pipeline.")}
    return {file for file in files if file.exists()}


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


loaded_code = functools.cache(code_digest)
"""Digest of some code as it was when first asked for: an edit of a file does not reach a process that has loaded it."""


def library_versions() -> dict[str, str]:
    """Version of each of `LIBRARIES`, "" where it is not installed as a package."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _strip(tree: ast.Module) -> None:
    """Take all texts out that stand alone: docstrings of modules, classes, functions and fields."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            node.body = [line for line in node.body if not _is_text(line)]


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
