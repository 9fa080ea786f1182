"""Whether the outputs that a search needs fit each other: it treats new images as the stages treated the gallery."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.artifacts.foreground import maker_of, open_foreground
from pipeline.datasets.adapters import PrepareParams
from pipeline.datasets.frames.crops import CropParams
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.foreground.prediction import ForegroundPredictionParams
from pipeline.parts.detection import PartDetectionParams
from pipeline.reid.embedding import EmbedParams
from pipeline.store import hdf5
from pipeline.store.files import digest_of, file_digest
from pipeline.store.origin import current
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from pipeline.views.prediction import ViewPredictionParams


@dataclass(frozen=True)
class SearchParams:
    """The sections of `params.yaml` that say how the stages treat an image.

    Attributes:
        limits: What counts as a usable image, of `prepare`.
        crops: What is cut out of whole frames, of `prepare.frames`.
        detection: `detect_parts`.
        foreground: `predict_foreground`.
        views: `predict_part_masks`.
        embedding: `embed`.
        runtime: `runtime`.
    """

    limits: ImageLimitsParams
    crops: CropParams
    detection: PartDetectionParams
    foreground: ForegroundPredictionParams
    views: ViewPredictionParams
    embedding: EmbedParams
    runtime: RuntimeParams


def load_params(workspace: Workspace) -> SearchParams:
    """Read the sections a search needs as the stages do.

    Raises:
        ValueError: A section is absent, or a key is unknown, missing, of another type or out of range.
    """
    prepare = workspace.load("prepare", PrepareParams)
    return SearchParams(
        limits=prepare.limits,
        crops=prepare.frames.crops,
        detection=workspace.load("detect_parts", PartDetectionParams),
        foreground=workspace.load("predict_foreground", ForegroundPredictionParams),
        views=workspace.load("predict_part_masks", ViewPredictionParams),
        embedding=workspace.load("embed", EmbedParams),
        runtime=workspace.load("runtime", RuntimeParams),
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
        DamagedFileError: Weights are not what was written.
        ValueError: Another network or other parameters served there; the message names which.
    """
    for kind, made_by in makers.items():
        check = {"parts": _check_detector, "part_masks": _check_span}[kind]
        check(workspace, values, made_by, where)


def _check_detector(workspace: Workspace, values: SearchParams, made_by: dict[str, str], where: Path) -> None:
    _check_maker(workspace, "detector", "detect_parts", digest_of(asdict(values.detection)), made_by, where)


def _check_span(workspace: Workspace, values: SearchParams, made_by: dict[str, str], where: Path) -> None:
    _check_maker(workspace, "span", "predict_part_masks", digest_of(asdict(values.views)), made_by, where)
    if values.views.within_foreground:
        masks = open_foreground(current(workspace, "foreground"))
        _check_all({"foreground": maker_of(masks)}, made_by, where)
        network = file_digest(current(workspace, "foreground_network"))
        expected = {"foreground": network, "params": digest_of(asdict(values.foreground))}
        _check_all(expected, masks.header.made_by, masks.path)


def _check_maker(
    workspace: Workspace, network: str, stage: str, parameters: str, made_by: dict[str, str], where: Path
) -> None:
    """Check that a network and the parameters of the stage that runs it, by digest, are those noted as makers."""
    of_stage = f"{stage} parameters"
    expected = {network: file_digest(current(workspace, network)), of_stage: parameters}
    _check_all(expected, {network: made_by.get(network, ""), of_stage: made_by.get("params", "")}, where)


def _check_all(expected: dict[str, str], found: dict[str, str], where: Path) -> None:
    for name in expected:
        hdf5.check_same(name, expected, found, where)
