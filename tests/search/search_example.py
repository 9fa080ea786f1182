"""A run of small random networks on the tiny data set: every cache a search reads, written by the real stages."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from click.testing import CliRunner
from drawn_vehicles import TinyData
from ruamel.yaml import YAML
from torch import nn

from pipeline.foreground.network import ForegroundArchitecture, ForegroundNetwork
from pipeline.networks import weights
from pipeline.networks.runtime import start
from pipeline.networks.weights import Pretrained
from pipeline.parts.network import Architecture, build_detector
from pipeline.reid import build as reid
from pipeline.reid.network import ReidArchitecture
from pipeline.reid.samples import open_sources
from pipeline.search.page import Search
from pipeline.search.run import search
from pipeline.search.workspace import Workspace, load_params
from pipeline.store.images import ImageStore
from pipeline.store.params import build
from pipeline.store.vocabulary import PART_CLASSES, VIEWS
from pipeline.views.network import Span, SpanArchitecture
from stages.detect_parts import detect_parts
from stages.embed import main as embed
from stages.predict_foreground import predict_foreground
from stages.predict_part_masks import predict_part_masks

MODELS = ("baseline", "pgan", "span_cpdm")
RESNET = {
    "size": 32,
    "backbone": "resnet10_narrow",
    "stem_stride": 4,
    "layers": [1, 2],
    "channels": 8,
    "scales": [0.1, 0.3, 0.6],
    "aspect_ratios": [],
}
REID = ReidArchitecture(
    architecture="resnet10_narrow",
    stem_pooling=True,
    last_stride=1,
    input_size=32,
    dimension=16,
    top_d=4,
    attention_temperature=1,
    global_dimension=12,
    part_dimension=8,
)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        data: Folder of caches.
        models: Folder of weights.
        raw: Folder of the image files the data set was made from.
        params: Parameter file.
    """

    data: Path
    models: Path
    raw: Path
    params: Path

    @property
    def store(self) -> ImageStore:
        """The image store, opened anew."""
        return ImageStore(self.data / "images/tiny.h5")

    def file(self, row: int) -> Path:
        """The file of one row of the table."""
        return self.raw / str(self.store.paths[row])

    def copy(self, folder: Path) -> "Run":
        """The same run in a folder of its own, for a test that changes it."""
        shutil.copytree(self.data.parent, folder)
        return Run(folder / "data", folder / "models", self.raw, folder / "params.yaml")


def write_params(path: Path, source: Path, **changes: dict[str, Any]) -> None:
    """Write a parameter file that is small throughout, with changes for the tiny data set by section."""
    document = YAML(typ="safe").load(source.read_text())
    document["runtime"] |= {"threads": 1, "accelerator": "cpu"}
    document["overrides"]["tiny"] = {
        "detect_parts": {"max_parts": 6, "candidates": 20, "batch_size": 3},
        "predict_foreground": {"size": 16, "batch_size": 3, "mirrored_too": True},
        "predict_part_masks": {"size": 12, "batch_size": 3, "within_foreground": True},
        "embed": {"batch_size": 3},
        **changes,
    }
    with open(path, "w") as stream:
        YAML().dump(document, stream)


def write_run(tiny: TinyData, folder: Path) -> Run:
    """Write the run into `folder`."""
    run = Run(folder / "data", folder / "models", tiny.root.parent / "raw", folder / "params.yaml")
    shutil.copytree(tiny.root / "images", run.data / "images")
    write_params(run.params, Path(__file__).parents[2] / "params.yaml")
    torch.manual_seed(0)
    _write_networks(run.models)
    images = {"images": run.data / "images/tiny.h5"}
    caches = {kind: run.data / f"{kind}/tiny.h5" for kind in ("parts", "foreground", "part_masks")}
    _stage(run, detect_parts, **images, weights=run.models / "detector.safetensors", output=caches["parts"])
    network = run.models / "foreground/tiny.safetensors"
    _stage(run, predict_foreground, **images, weights=network, output=caches["foreground"])
    span = {"foreground": caches["foreground"], "weights": run.models / "span.safetensors"}
    _stage(run, predict_part_masks, **images, **span, output=caches["part_masks"])
    for model in MODELS:
        path = run.models / f"reid/tiny/{model}.safetensors"
        network_ = reid.build(model, REID, 2)
        sources = open_sources(run.store, caches, network_.inputs)
        reid.save(path, network_, model, REID, 2, run.store.digest, sources.makers)
        read = {"parts": caches["parts"], "part-masks": caches["part_masks"], "weights": path}
        output = run.data / f"features/tiny/{model}.h5"
        _stage(run, embed, "--model", model, **images, **read, output=output)
    return run


def search_for(run: Run, model: str, *paths: Path, top: int = 20, vehicles_once: bool = False) -> Search:
    """Search a run's gallery for image files."""
    values = load_params(run.params, "tiny")
    workspace = Workspace(run.data, run.models, "tiny", model)
    return search(list(paths), workspace, values, start(values.runtime), top, vehicles_once=vehicles_once)


def _write_networks(models: Path) -> None:
    shape = {"name": "ssd_resnet", "resnet": RESNET}
    detector = build_detector(build(Architecture, shape, "here"), Pretrained(None))
    facts: dict[str, Any] = {"classes": list(PART_CLASSES), "architecture": shape}
    weights.save(models / "detector.safetensors", detector.state_dict(), "part_detector/1", facts)
    foreground = ForegroundArchitecture("resnet10_narrow", True, "layer4", 1, (16, 8), 32)
    network = ForegroundNetwork(foreground)
    _sharpen(network.decoder)
    facts = {"architecture": asdict(foreground)}
    weights.save(models / "foreground/tiny.safetensors", network.state_dict(), "foreground/1", facts)
    span = SpanArchitecture("resnet10", True, 32)
    facts = {"architecture": asdict(span), "views": list(VIEWS)}
    views = Span(span, len(VIEWS))
    for generator in views.generators:
        _sharpen(generator)
    weights.save(models / "span.safetensors", views.state_dict(), "span/1", facts)


def _sharpen(decoder: nn.Module) -> None:
    """Scale the last transposed convolution, so that masks are far from flat and differ between images."""
    *_, last = (module for module in decoder.modules() if isinstance(module, nn.ConvTranspose2d))
    last.weight.data *= 200


def _stage(run: Run, command: Any, *more: str, **paths: Path) -> None:
    options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
    result = CliRunner().invoke(command, ["--dataset", "tiny", *more, *options, "--params", str(run.params)])
    assert result.exit_code == 0, result.output
