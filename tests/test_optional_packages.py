import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

from tiny_run import PROJECT

IMPORT_ALL = """
import importlib
import pkgutil
import sys

sys.modules |= dict.fromkeys(sys.argv[1:])  # an import of them fails
for package in map(importlib.import_module, ("pipeline", "stages")):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(len([name for name in sys.modules if name.startswith(("pipeline.", "stages."))]))
"""


def name_of(text: str) -> str:
    """A distribution's name as packaging compares it."""
    return re.split(r"[^\w.-]", text)[0].lower().replace("_", "-")


def optional_modules() -> set[str]:
    """Modules of the installed packages that dependency groups name."""
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    wanted = {name_of(item) for group in groups.values() for item in group if isinstance(item, str)}
    return {module for module, owners in packages_distributions().items() if wanted & set(map(name_of, owners))}


def test_every_module_starts_without_the_packages_of_the_dependency_groups() -> None:
    blocked = optional_modules()
    assert {"dvc", "mlflow", "onnx", "onnxruntime", "pytest", "tensorboard"} <= blocked
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *sorted(blocked)], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
