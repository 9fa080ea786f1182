"""VERI-Wild's size on one machine: 416,314 small images, drawn and laid out as its own are, through the pipeline.

`prepare` is the stage itself. Of `grabcut` everything but the segmentation: images read and decoded, masks made by a
threshold in its processes or on Ray, kept, and written. `evaluate` is the stage itself, on random features of the test
images. Prints seconds, the greatest memory of the process that drives each step, and sizes of files. `--share 0.0625`
takes a sixteenth of the images, so that memory at 1 and at 16 times the images can be compared.

    python -m benchmarks.veri_wild_size --folder FOLDER [--share 1] [--dimensions 512] [--runtime map_workers=2 ...]
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from ruamel.yaml import YAML

from benchmarks.bright_seeds import grabcut_files
from benchmarks.options import runtime_option
from benchmarks.tables import table
from pipeline.artifacts.features import header_of, write_features
from pipeline.store.images import ImageStore
from pipeline.store.params import read
from pipeline.store.places import Workspace

DATASET = "veri_wild"
MODEL = "baseline"
"""Whose features the random ones pass for."""
TRAIN = (277_797, 30_671)
"""Images and vehicles to train on."""
TEST_SETS = {3000: (3_000, 38_861), 5000: (5_000, 64_389), 10000: (10_000, 128_517)}
"""Vehicles of a test set -> its queries and its gallery; each set contains the smaller ones."""
CAMERAS = 174
HEIGHT, WIDTH = 48, 64
"""Of the images, pixels."""


@dataclass(frozen=True)
class Cost:
    """What a step took.

    Attributes:
        seconds: Wall time.
        processor: Seconds of the processor that its driving process took.
        megabytes: Greatest memory of that process.
    """

    seconds: float
    processor: float
    megabytes: float


def draw(number: int) -> bytes:
    """A small JPEG of a bright box on a dark, noisy ground, different for each number."""
    chance = np.random.default_rng(number)
    noise = chance.integers(0, 60, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8)
    image = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    left, top = (int(value) for value in chance.integers(4, 12, 2))
    image[top : HEIGHT - top, left : WIDTH - left] = chance.integers(120, 255, 3)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())


def spread(first: int, vehicles: int, images: int) -> list[str]:
    """Names of images, dealt out evenly to vehicles that are numbered from `first`."""
    return [f"{first + place % vehicles:05d}/{first * 1000 + place:08d}" for place in range(images)]


def write_raw(folder: Path, share: float) -> int:
    """Lay the images out as VERI-Wild's; the number written.

    Args:
        folder: ``data/raw/veri_wild``.
        share: Part of the images and vehicles.
    """
    train = spread(1, max(2, int(TRAIN[1] * share)), max(4, int(TRAIN[0] * share)))
    lists = {"train_list": train}
    largest = TEST_SETS[max(TEST_SETS)]
    vehicles = max(2, int(largest[0] * share))
    queries, gallery = (spread(40_000, vehicles, max(2, int(count * share))) for count in largest)
    gallery = [f"{name}1" for name in gallery]
    for count, (asked, among) in TEST_SETS.items():
        lists[f"test_{count}_query"] = queries[: max(2, int(asked * share))]
        known = {name.split("/")[0] for name in lists[f"test_{count}_query"]}
        lists[f"test_{count}"] = [name for name in gallery if name.split("/")[0] in known][: max(2, int(among * share))]
    (folder / "train_test_split").mkdir(parents=True)
    for name, images in lists.items():
        (folder / "train_test_split" / f"{name}.txt").write_text("".join(f"{image}.jpg\n" for image in images))
    every = sorted({image for images in lists.values() for image in images})
    facts = [f"{image};{place % CAMERAS + 1};2018-03-11 09:05:17;A;SUV;grey" for place, image in enumerate(every)]
    head = "id/image;Camera ID;Time;Model;Type;Color"
    (folder / "train_test_split" / "vehicle_info.txt").write_text("\n".join([head, *facts]) + "\n")
    for place, image in enumerate(every):
        path = folder / "images" / f"{image}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw(place))
    return len(every)


def write_random_features(workspace: Workspace, dimensions: int) -> None:
    """Features of every test image, in clusters by vehicle."""
    store = ImageStore(workspace.existing("images"))
    rows = store.test_rows()
    vehicles, numbers = np.unique(store.vehicle_ids[rows], return_inverse=True)
    chance = np.random.default_rng(0)
    centres = chance.standard_normal((len(vehicles), dimensions), np.float32)

    def batches() -> Iterator[tuple[Any, Any]]:
        for start in range(0, len(rows), 4096):
            own = centres[numbers[start : start + 4096]]
            values = own + 2 * chance.standard_normal(own.shape, np.float32)
            yield values / np.linalg.norm(values, axis=1, keepdims=True), np.zeros((len(own), 0), np.float32)

    header = header_of(MODEL, "euclidean", (dimensions,), store.digest, "0" * 64)
    write_features(workspace.path("features"), header, rows, batches(), ratio_count=0)


def run_stage(stage: str, workspace: Workspace, *names: str) -> None:
    """Run a stage in this process."""
    command = getattr(import_module(f"stages.{stage}"), stage)
    command.main(["--dataset", DATASET, *names, "--root", str(workspace.root)], standalone_mode=False)


def peak_megabytes() -> float:
    """Greatest memory of this process so far; `ru_maxrss` would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def timed(step: Callable[[], None]) -> Cost:
    """Do a step here."""
    begun = time.perf_counter()
    step()
    return Cost(time.perf_counter() - begun, time.process_time(), peak_megabytes())


def cost_of(step: Callable[[], None]) -> Cost:
    """Do a step in a fresh process, which may have processes of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(timed, step).result()


@click.command(help=__doc__)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Empty or new folder to work in.")
@click.option("--share", default=1.0, show_default=True, help="Part of VERI-Wild's images and vehicles.")
@click.option("--dimensions", default=512, show_default=True, help="Length of the random features.")
@click.option("--parameters", type=click.Path(path_type=Path), default=Path("params.yaml"), show_default=True)
@runtime_option
def main(folder: Path, share: float, dimensions: int, parameters: Path, runtime: dict[str, object]) -> None:
    """Print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    document = read(parameters)
    document["runtime"] |= runtime
    with open(folder / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    workspace = Workspace(folder, DATASET, MODEL, folder / "params.yaml")
    begun = time.perf_counter()
    count = write_raw(workspace.path("raw"), share)
    click.echo(f"{count:,} images drawn in {time.perf_counter() - begun:.0f} s")
    steps: dict[str, tuple[Callable[[], None], str]] = {
        "`prepare`": (partial(run_stage, "prepare", workspace), "images"),
        "`grabcut`'s files": (partial(grabcut_files, workspace), "grabcut"),
        "random features": (partial(write_random_features, workspace, dimensions), "features"),
        "`evaluate`": (partial(run_stage, "evaluate", workspace, "--model", MODEL), "ranking"),
    }
    rows = []
    for name, (step, kind) in steps.items():
        cost, size = cost_of(step), workspace.path(kind).stat().st_size / 1e6
        rows.append((name, f"{cost.seconds:.0f}", f"{cost.processor:.0f}", f"{cost.megabytes:.0f}", f"{size:.2f}"))
        click.echo(" ".join(rows[-1]), err=True)
    click.echo(table((f"{count:,} images", "s", "s of the processor", "MB of memory", "MB written"), rows))


if __name__ == "__main__":
    main()
