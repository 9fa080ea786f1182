"""Where a run's caches and weights lie, which stage makes each, and whether those a search needs fit each other."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.artifacts.foreground import SCHEMA as FOREGROUND
from pipeline.datasets.adapters import PrepareParams
from pipeline.datasets.limits import ImageLimits
from pipeline.foreground.prediction import ForegroundPrediction
from pipeline.networks.runtime import Runtime
from pipeline.parts.detection import PartDetection
from pipeline.reid.embedding import EmbedParams
from pipeline.store import hdf5, params
from pipeline.store.files import digest_of, file_digest
from pipeline.views.prediction import PartMasksParams


class Place(NamedTuple):
    """Where a file lies.

    Attributes:
        root: ``data`` or ``models``.
        pattern: Path below the root, with ``{dataset}`` and ``{model}``.
        stage: The stage that makes it.
    """

    root: str
    pattern: str
    stage: str


PLACES: dict[str, Place] = {
    "images": Place("data", "images/{dataset}.h5", "prepare"),
    "foreground": Place("data", "foreground/{dataset}.h5", "predict_foreground"),
    "parts": Place("data", "parts/{dataset}.h5", "detect_parts"),
    "part_masks": Place("data", "part_masks/{dataset}.h5", "predict_part_masks"),
    "features": Place("data", "features/{dataset}/{model}.h5", "embed"),
    "detector": Place("models", "detector.safetensors", "train_detector"),
    "span": Place("models", "span.safetensors", "train_span"),
    "foreground_network": Place("models", "foreground/{dataset}.safetensors", "train_foreground"),
    "reid": Place("models", "reid/{dataset}/{model}.safetensors", "train_reid"),
}


@dataclass(frozen=True)
class Workspace:
    """The outputs of a run that a search reads.

    Attributes:
        data: Folder of caches.
        models: Folder of weights.
        dataset: Name of the data set.
        model: Name of the re-ID model.
    """

    data: Path
    models: Path
    dataset: str
    model: str

    def path(self, name: str) -> Path:
        """Path of a file, a key of `PLACES`.

        Raises:
            FileNotFoundError: It does not exist; the message names the stage that makes it.
        """
        place = PLACES[name]
        root = {"data": self.data, "models": self.models}[place.root]
        path = root / place.pattern.format(dataset=self.dataset, model=self.model)
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file; stage `{place.stage}` makes it (`dvc repro` or `dvc pull`)")
        return path


@dataclass(frozen=True)
class SearchParams:
    """The sections of `params.yaml` that say how the stages treat an image.

    Attributes:
        limits: What counts as a usable image, of `prepare`.
        detection: `detect_parts`.
        foreground: `predict_foreground`.
        part_masks: `predict_part_masks`.
        embedding: `embed`.
        runtime: `runtime`.
    """

    limits: ImageLimits
    detection: PartDetection
    foreground: ForegroundPrediction
    part_masks: PartMasksParams
    embedding: EmbedParams
    runtime: Runtime


def load_params(path: Path, dataset: str) -> SearchParams:
    """Read the sections a search needs as the stages do.

    Raises:
        ValueError: A section is absent, or a key is unknown, missing or of another type.
    """
    return SearchParams(
        limits=params.load(path, "prepare", PrepareParams, dataset=dataset).limits,
        detection=params.load(path, "detect_parts", PartDetection, dataset=dataset),
        foreground=params.load(path, "predict_foreground", ForegroundPrediction, dataset=dataset),
        part_masks=params.load(path, "predict_part_masks", PartMasksParams, dataset=dataset),
        embedding=params.load(path, "embed", EmbedParams, dataset=dataset),
        runtime=params.load(path, "runtime", Runtime),
    )


def check_networks(workspace: Workspace, values: SearchParams, makers: dict[str, dict[str, str]], where: Path) -> None:
    """Check that new images will be treated as those were that a re-ID model was trained on, or that a cache is of.

    Foreground masks matter only where view masks are cut to them.

    Args:
        workspace: The run.
        values: Its parameters.
        makers: Kind of cache -> what made that cache, as its header or the model's metadata says.
        where: The cache or the model's weights, for messages.

    Raises:
        FileNotFoundError: Weights are missing.
        ValueError: Another network or other parameters served there; the message names which.
    """
    for kind, made_by in makers.items():
        check = {"parts": _check_detector, "part_masks": _check_span}[kind]
        check(workspace, values, made_by, where)


def _check_detector(workspace: Workspace, values: SearchParams, made_by: dict[str, str], where: Path) -> None:
    _check_maker(workspace, "detector", "detect_parts", digest_of(asdict(values.detection)), made_by, where)


def _check_span(workspace: Workspace, values: SearchParams, made_by: dict[str, str], where: Path) -> None:
    _check_maker(workspace, "span", "predict_part_masks", digest_of(asdict(values.part_masks)), made_by, where)
    if values.part_masks.within_foreground:
        masks = workspace.path("foreground")
        _check_all({"foreground": file_digest(masks)}, made_by, where)
        makers = hdf5.Cache(masks, FOREGROUND).header.made_by
        network = file_digest(workspace.path("foreground_network"))
        _check_all({"foreground": network, "params": digest_of(asdict(values.foreground))}, makers, masks)


def _check_maker(
    workspace: Workspace, network: str, stage: str, parameters: str, made_by: dict[str, str], where: Path
) -> None:
    """Check that a network and the parameters of the stage that runs it, by digest, are those noted as makers."""
    of_stage = f"{stage} parameters"
    expected = {network: file_digest(workspace.path(network)), of_stage: parameters}
    _check_all(expected, {network: made_by.get(network, ""), of_stage: made_by.get("params", "")}, where)


def _check_all(expected: dict[str, str], found: dict[str, str], where: Path) -> None:
    for name in expected:
        hdf5.check_same(name, expected, found, where)
