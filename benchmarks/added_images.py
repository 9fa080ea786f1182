"""Seconds of each map stage on a number of images, and once some more are added, beside a full run on all of them.

Takes the networks and images of a finished run to a folder of its own, calls every image one of the gallery, and runs
the stages as DVC does, a process each; starting Python and torch is part of what is measured. Processor seconds, which
hardly depend on what else the machine does, stand in brackets. Checks that an added run and a full one leave the same
bytes.

    python -m benchmarks.added_images --root FOLDER [--images 1000] [--added 100] [--runtime map_workers=2 ...]
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML
from torch import Tensor

from benchmarks.options import runtime_option
from benchmarks.tables import table
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.foreground import trained_on as foreground_network
from pipeline.networks import weights
from pipeline.parts import trained_on as detector
from pipeline.reid import build
from pipeline.reid.samples import open_sources
from pipeline.store.images import ImageStore
from pipeline.store.params import read
from pipeline.store.places import Workspace
from pipeline.views import trained_on as span

STAGES = {
    "grabcut": "grabcut",
    "predict_foreground": "foreground",
    "detect_parts": "parts",
    "predict_part_masks": "part_masks",
    "embed": "features",
}
"""Map stage -> the cache it writes."""
TRAINED = {"predict_foreground": ("foreground_network", foreground_network.KIND), "embed": ("reid", build.KIND)}
"""Map stage -> the data set's own network that it reads, and its kind."""
SHARED = {"detector": detector.KIND, "span": span.KIND}
"""Networks that serve all data sets, and their kinds."""


def prepare(source: ImageStore, workspace: Workspace, rows: Iterable[int]) -> None:
    """Write the image store of some images, each called one of the gallery."""
    raw = workspace.path("raw")
    records = []
    for row in rows:
        name = f"{row:06d}{Path(str(source.paths[row])).suffix}"
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(source.encoded(row))
        records.append(
            ImageRecord(name, "gallery", str(source.vehicle_ids[row]) or "unknown", str(source.camera_ids[row]))
        )
    write_store(workspace.path("images"), records, raw, ImageLimitsParams(10**9, 1, "stop"), workspace.dataset)


def fresh(finished: Workspace, folder: Path, runtime: dict[str, object], parameters: Path) -> Workspace:
    """A workspace with the networks of a finished run and nothing else.

    Those that serve all data sets no longer say what they were trained by, so that `runtime` may differ from theirs.
    """
    folder.mkdir()
    shutil.copytree(finished.root / "models", folder / "models")
    document = read(parameters)
    document["runtime"] |= runtime
    with open(folder / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    workspace = replace(finished, root=folder, parameters=folder / "params.yaml")
    for name, kind in SHARED.items():
        state, facts = without_origin(path := workspace.path(name), kind)
        weights.save(path, state, kind, facts)
    return workspace


def without_origin(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights, and their metadata but for what they were trained by, as `weights.save` takes them."""
    state, metadata = weights.load(path, kind)
    return state, {key: value for key, value in metadata.items() if key not in ("kind", "origin")}


def train_anew(workspace: Workspace, name: str, kind: str) -> None:
    """Let a network of the data set's own say that it was trained on the present table and caches; its weights stay.

    It stands for a training that new images of the gallery change nothing in.
    """
    store, path = ImageStore(workspace.path("images")), workspace.path(name)
    state, facts = without_origin(path, kind)
    facts["table"] = store.digest
    if "makers" in facts:
        facts["makers"] = open_sources(store, workspace.path, tuple(facts["makers"])).makers
    weights.save(path, state, kind, facts)


@dataclass(frozen=True)
class Seconds:
    """What a stage took.

    Attributes:
        wall: By the clock.
        processor: Of its process and those it started and ended.
    """

    wall: float
    processor: float

    def __str__(self) -> str:
        """Both, as a cell of the table."""
        return f"{self.wall:.1f} ({self.processor:.1f})"


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds_of(workspace: Workspace, stage: str) -> Seconds:
    """Run a stage in a process of its own."""
    if stage in TRAINED:
        train_anew(workspace, *TRAINED[stage])
    names = ["--dataset", workspace.dataset, *(["--model", workspace.model] if stage == "embed" else [])]
    begun, used = time.perf_counter(), _processor_seconds()
    subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", *names, "--root", str(workspace.root)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return Seconds(time.perf_counter() - begun, _processor_seconds() - used)


def run(workspace: Workspace, title: str, stages: Iterable[str] = STAGES) -> dict[str, Seconds]:
    """Seconds of map stages; says each as it ends, by the title of the run."""
    found = {}
    for stage in stages:
        found[stage] = seconds_of(workspace, stage)
        click.echo(f"{title}: {stage} {found[stage]}", err=True)
    return found


@click.command(help=__doc__)
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Folder of a finished run.")
@click.option("--dataset", default="synthetic", show_default=True, help="Name of its data set.")
@click.option("--model", default="pgan", show_default=True, help="Re-ID model that embeds.")
@click.option("--images", default=1000, show_default=True, help="Images at first.")
@click.option("--added", default=100, show_default=True, help="Images added.")
@click.option("--parameters", type=click.Path(path_type=Path), default=Path("params.yaml"), show_default=True)
@runtime_option
def main(
    root: Path, dataset: str, model: str, images: int, added: int, parameters: Path, runtime: dict[str, object]
) -> None:
    """Print the table."""
    finished = Workspace(root, dataset, model, root / "params.yaml")
    source = ImageStore(finished.existing("images"))
    if images + added > len(source):
        raise click.BadParameter(f"expected at most {len(source)} images in all, got {images + added}")
    with tempfile.TemporaryDirectory() as folder:
        growing = fresh(finished, Path(folder) / "growing", runtime, parameters)
        whole = fresh(finished, Path(folder) / "whole", runtime, parameters)
        prepare(source, growing, range(images))
        first = run(growing, f"{images:,}")
        prepare(source, growing, range(images + added))
        more = run(growing, f"+{added:,}")
        shutil.copytree(growing.path("images").parent, whole.path("images").parent)
        full = run(whole, f"{images + added:,}")
        rows = []
        for stage, kind in STAGES.items():
            same = growing.path(kind).read_bytes() == whole.path(kind).read_bytes()
            rows.append((f"`{stage}`", first[stage], more[stage], full[stage], "yes" if same else "NO"))
        click.echo(table(("", f"{images:,}", f"+{added:,}", f"{images + added:,}", "same bytes"), rows))


if __name__ == "__main__":
    main()
