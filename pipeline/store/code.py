"""Which code makes a result, so that what is finished is done again once that code has changed."""

import ast
import functools
import hashlib
import json
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


UNDECIDING = frozenset({"stages/command.py", "stages/mapping.py"})
"""Options, messages, and what of former results is taken: nothing in them decides what a stage writes."""


def imported(tree: ast.Module, root: Path) -> set[Path]:
    """Modules of ``pipeline`` and ``stages`` that a module imports, however it is written, but for `UNDECIDING`.

    Args:
        tree: The module.
        root: The folder of the code, that holds ``pipeline``.
    """
    own = {f"{name.replace('.', '/')}.py" for name in _names(tree) if name.startswith(("pipeline.", "stages."))}
    return {root / file for file in own - UNDECIDING if (root / file).exists()}


def code_digest(entries: tuple[str, ...], root: Path = ROOT) -> str:
    """SHA-256 of some modules and all of the project they import, without comments, docstrings and layout.

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
    """Versions of the `LIBRARIES` that some modules, and all of the project they import, use.

    Args:
        entries: Paths of the modules, relative to `root`.
        root: The folder that holds ``pipeline``.
    """
    names = {name.split(".")[0] for tree in _closure(entries, root).values() for name in _names(tree)}
    return {name: installed_version(name) for name in sorted(names & set(LIBRARIES))}


def installed_version(library: str) -> str:
    """Version of one of the `LIBRARIES`, "" where what is imported was not installed under its package's name.

    A build for another device, as ``2.13.0+cu130``, is the same version.
    """
    try:
        return version(LIBRARIES[library]).partition("+")[0]
    except PackageNotFoundError:
        return ""


def check_versions(folder: Path, entries: tuple[str, ...], root: Path = ROOT) -> None:
    """Check that the libraries installed are those that DVC has been told results depend on.

    Args:
        folder: Where `resolve_params` wrote a file for each; it need not exist.
        entries: Paths of the modules about to run, relative to `root`.
        root: The folder that holds ``pipeline``.

    Raises:
        ValueError: One has another version, so that DVC would take its result for that of the one before.
    """
    if not folder.is_dir():
        return
    for name, installed in libraries_of(entries, root).items():
        file = folder / f"{name}.json"
        tracked = json.loads(file.read_text(encoding="utf-8"))["version"] if file.exists() else ""
        if installed and tracked and installed != tracked:
            raise ValueError(
                f"{file}: expected {LIBRARIES[name]} {tracked}, found {installed} installed; `uv sync` brings that of "
                "uv.lock, and `dvc repro --force --single-item resolve_params` takes the one installed"
            )


def _closure(entries: tuple[str, ...], root: Path) -> dict[Path, ast.Module]:
    """Some modules and all of the project they import, parsed, by file."""
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
