"""Which code makes a result, so that what is finished is done again once that code has changed."""

import ast
import functools
import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder of the code, that holds ``pipeline``."""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
LIBRARIES: Mapping[str, str] = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "h5py": "h5py",
    "lightning_fabric": "lightning-fabric",
    "numpy": "numpy",
    "scipy": "scipy",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
}
"""Packages that decode images, calculate and write: as imported -> as installed."""


def imported(tree: ast.Module, root: Path) -> set[Path]:
    """Modules of ``pipeline`` that a module imports, however it is written.

    Args:
        tree: The module.
        root: The folder of the code, that holds ``pipeline``.
    """
    files = {root / f"{name.replace('.', '/')}.py" for name in _names(tree) if name.startswith("pipeline.")}
    return {file for file in files if file.exists()}


def code_digest(entries: tuple[str, ...], root: Path = ROOT) -> str:
    """SHA-256 of some modules and all of ``pipeline`` they import, without comments, docstrings and layout.

    Args:
        entries: Paths of the modules, relative to `root`.
        root: The folder that holds ``pipeline``.
    """
    trees = _closure(entries, root)
    for tree in trees.values():
        _strip(tree)
    text = "\n".join(f"{file.relative_to(root).as_posix()} {ast.dump(trees[file])}" for file in sorted(trees))
    return hashlib.sha256(text.encode()).hexdigest()


loaded_code = functools.cache(code_digest)
"""Digest of some code as it was when first asked for: an edit of a file does not reach a process that has loaded it."""


def libraries_of(entries: tuple[str, ...], root: Path = ROOT) -> dict[str, str]:
    """Versions of the `LIBRARIES` that some modules, and all of ``pipeline`` they import, use.

    Args:
        entries: Paths of the modules, relative to `root`.
        root: The folder that holds ``pipeline``.
    """
    names = {name.split(".")[0] for tree in _closure(entries, root).values() for name in _names(tree)}
    return {name: _version(LIBRARIES[name]) for name in sorted(names & set(LIBRARIES))}


def _version(package: str) -> str:
    """A package's version, "" where what is imported was not installed under its name."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _closure(entries: tuple[str, ...], root: Path) -> dict[Path, ast.Module]:
    """Some modules and all of ``pipeline`` they import, parsed, by file."""
    trees: dict[Path, ast.Module] = {}
    waiting = {root / entry for entry in entries}
    while waiting:
        file = waiting.pop()
        trees[file] = ast.parse(file.read_text(encoding="utf-8"))
        waiting |= imported(trees[file], root) - set(trees)
    return trees


def _names(tree: ast.Module) -> set[str]:
    """Dotted names that a module imports, those of what it takes out of modules too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _strip(tree: ast.Module) -> None:
    """Take all texts out that stand alone: docstrings of modules, classes, functions and fields."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            node.body = [line for line in node.body if not _is_text(line)]


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
