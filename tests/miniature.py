"""The default run made small: a scratch clone with a miniature fleet, run once for all tests that need it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
MINIATURE: dict[str, Any] = {
    "synthesize": {"train_vehicles": 6, "test_vehicles": 4, "images_per_vehicle": 6},
    "train_foreground": {"schedule": {"epochs": 1}},
    "train_detector": {"schedule": {"epochs": 1}},
    "train_span": {"warmup": {"epochs": 1}, "schedule": {"epochs": 1}},
    "train_reid": {"input_size": 64, "epochs": 2, "identities_per_batch": 3, "images_per_identity": 2},
}
"""What makes the embedded fleet a miniature: laid over `overrides.synthetic`."""


def run(command: list[str], folder: Path) -> str:
    """Run a command in `folder` and return all it printed; a failure shows it."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def repro(folder: Path) -> list[str]:
    """Run `dvc repro` and return the stages it ran, without their matrix suffix, in order."""
    return [name.partition("@")[0] for name in stages_run(folder)]


def edit(folder: Path, change: Callable[[Any], None]) -> None:
    """Change `params.yaml` in place, keeping its comments."""
    yaml = YAML()
    yaml.width = 4096
    path = folder / "params.yaml"
    document = yaml.load(path.read_text(encoding="utf-8"))
    change(document)
    with open(path, "w", encoding="utf-8") as stream:
        yaml.dump(document, stream)


def shrink(document: Any) -> None:
    """Turn the default run into one that takes a minute or two."""
    document["models"] = ["baseline", "span_cpdm"]
    lay_over(document["overrides"]["synthetic"], MINIATURE)


def lay_over(document: Any, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict):
            lay_over(document.setdefault(key, {}), value)
        else:
            document[key] = value


def stages_run(folder: Path) -> list[str]:
    """Run `dvc repro` and return the stages it ran with their matrix suffix, in order."""
    return re.findall(r"Running stage '([^']+)'", run(["dvc", "repro"], folder))


def write_miniature(folder: Path) -> None:
    """Copy the project as it stands to `folder`, make its fleet a miniature and run everything.

    `first_run.txt` holds the names of the stages that ran.
    """
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT)
    for name in filter(None, listed.split("\0")):
        if name != "dvc.lock" and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    run(["git", "init", "-q"], folder)
    edit(folder, shrink)
    (folder / "first_run.txt").write_text("\n".join(repro(folder)))
