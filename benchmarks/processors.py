"""Which caches of a finished run another kind of x86 processor would write differently, and by how much.

Runs each stage that maps images anew on the run's own inputs, while variables keep the libraries from using some of
this processor's instructions, and compares what it writes with what the run holds. The folder of the run is only read.

Run: python -m benchmarks.processors --root FOLDER --dataset synthetic --model baseline
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import h5py
import numpy as np

from pipeline.store.places import Workspace
from stages.command import dataset_option, model_option, stage

STAGES = {
    "grabcut": "grabcut",
    "predict_foreground": "foreground",
    "detect_parts": "parts",
    "predict_part_masks": "part_masks",
    "embed": "features",
}
"""Stage -> what it writes."""

LESS = {
    "all it has": {},
    "OpenCV and NumPy without AVX": {
        "OPENCV_CPU_DISABLE": "AVX512_SKX,AVX2,FMA3,AVX",
        "OPENCV_IPP": "disabled",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4",
    },
    "OpenBLAS of 2008": {"OPENBLAS_CORETYPE": "Nehalem"},
    "torch without AVX": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"},
}
"""What the libraries may use -> the variables that say so."""


def differences(before: Path, after: Path) -> Iterator[str]:
    """For each array that differs: the rows that do, of how many, and the largest and the mean difference."""
    with h5py.File(before) as first, h5py.File(after) as second:
        for name in first:
            old, new = (np.asarray(file[name][()], np.float64) for file in (first, second))
            if old.shape != new.shape:
                yield f"{name} has shape {new.shape} for {old.shape}"
                continue
            gap = np.abs(new - old)
            rows = int((gap.reshape(len(gap), -1) > 0).any(1).sum())
            if rows:
                yield f"{name} of {rows} in {len(gap)} rows, by {gap.max():.2g} at most, {gap.mean():.1g} on average"


def again(workspace: Workspace, name: str, variables: dict[str, str], folder: Path) -> str:
    """Run one stage in a copy of a workspace; how its output differs from the original's."""
    for part in ("params.yaml", "data/params", "data/images", "data/truth", *map("data/{}".format, STAGES.values())):
        source = workspace.root / part
        if source.is_dir():
            shutil.copytree(source, folder / part)
        elif source.exists():
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / part)
    shutil.copytree(workspace.root / "models", folder / "models")
    output = workspace.path(STAGES[name]).relative_to(workspace.root)
    (folder / output).unlink()
    options = ["--dataset", workspace.dataset, "--root", str(folder)]
    options += ["--model", workspace.model] if name == "embed" else []
    command = [sys.executable, "-W", "ignore::ImportWarning", "-m", f"stages.{name}", *options]
    subprocess.run(command, env=os.environ | variables, check=True, stdout=subprocess.DEVNULL)
    return "; ".join(differences(workspace.root / output, folder / output)) or "the same"


@stage
@dataset_option
@model_option
@click.option("--only", type=click.Choice(list(STAGES)), multiple=True, help="Stage to run; all if none is named.")
def main(workspace: Workspace, only: tuple[str, ...]) -> None:
    """Print a table of what would differ."""
    click.echo("| stage | libraries use | differs |\n|---|---|---|")
    for name in only or STAGES:
        for label, variables in LESS.items():
            with tempfile.TemporaryDirectory() as folder:
                click.echo(f"| `{name}` | {label} | {again(workspace, name, variables, Path(folder))} |")


if __name__ == "__main__":
    main()
