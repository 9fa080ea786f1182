"""Which data set, model and values of the parameter file an output was made by, so that one that does not fit is named.

DVC compares files with what the lock file says of them and never looks into one. After a pull of another's parameters
it may find a training up to date whose new weights are merely missing, while the old ones still lie there. So weights
and caches say what they were made by, and a stage that reads them compares that with the parameters in force.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from pipeline.store import hdf5, params
from pipeline.store.files import DamagedFileError, digest_of
from pipeline.store.places import Workspace

ARITHMETIC = ("seed", "threads", "precision", "synchronised_norm", "deterministic")
"""Keys of `runtime` that decide the result of a training."""
MADE_FOR, VALUES = "made_for", "values"


class Maker(NamedTuple):
    """What decides an output.

    Attributes:
        section: Its stage's section of the parameter file; "" where the content alone tells files apart.
        inputs: Outputs that its stage reads.
        is_shared: Whether one serves the workspace, made on the data set that its section names.
        is_trained: Whether it depends on `ARITHMETIC`.
    """

    section: str
    inputs: tuple[str, ...] = ()
    is_shared: bool = False
    is_trained: bool = False


MAKERS: dict[str, Maker] = {
    "images": Maker(""),
    "grabcut": Maker("grabcut", ("images",)),
    "foreground_network": Maker("train_foreground", ("grabcut",), is_trained=True),
    "foreground": Maker("predict_foreground", ("foreground_network",)),
    "detector": Maker("train_detector", ("images",), is_shared=True, is_trained=True),
    "parts": Maker("detect_parts", ("detector",)),
    "span": Maker("train_span", ("foreground",), is_shared=True, is_trained=True),
    "part_masks": Maker("predict_part_masks", ("foreground", "span")),
    "reid": Maker("train_reid", ("parts", "part_masks"), is_trained=True),
    "features": Maker("embed", ("reid",)),
    "ranking": Maker("evaluate", ("features",)),
    "features_across": Maker("embed", ("reid", "parts", "part_masks")),
    "ranking_across": Maker("evaluate", ("features_across",)),
}
"""Name of an output -> what decides it. The table of images is known by its content, which every cache names."""


def origin_of(workspace: Workspace, name: str) -> dict[str, str]:
    """What an output must be made by to fit the parameters in force, for its header or metadata.

    Args:
        workspace: Names data set and model.
        name: A key of `MAKERS`.

    Raises:
        ValueError: A section is missing or ill-formed.
    """
    document = params.read(workspace.parameters)
    maker = MAKERS[name]
    if maker.section:
        workspace.guard(
            f"{workspace.parameters}: {maker.section}",
            lambda: _own(params.read(workspace.parameters), workspace, maker),
        )
    made_for, pattern = _seen_by(document, workspace, maker).dataset, workspace.pattern(name)
    if "{trained_on}" in pattern:
        made_for += f"/from_{workspace.trained_on}"
    if "{model}" in pattern:
        made_for += f"/{workspace.model}"
    return {MADE_FOR: made_for, **({VALUES: _digest(document, workspace, name)} if maker.section else {})}


def current(workspace: Workspace, name: str) -> Path:
    """Where an output lies that was made for this data set and model, by the values in force.

    One that does not say what it was made by, as a program of one's own may write it, is taken.

    Args:
        workspace: Names data set and model.
        name: A key of `MAKERS`.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It was made for others, or by other values; the message names both.
    """
    path = workspace.existing(name)
    found, expected = read_origin(path), origin_of(workspace, name)
    if found.get(MADE_FOR, expected[MADE_FOR]) != expected[MADE_FOR]:
        raise ValueError(f"{path}: expected a file made for {expected[MADE_FOR]!r}, got one for {found[MADE_FOR]!r}")
    values = expected.get(VALUES)
    if values is not None and found.get(VALUES, values) != values:
        raise ValueError(
            f"{path}: made by values of digest {found[VALUES][:12]}, expected {values[:12]}, those of "
            f"{workspace.parameters}; `dvc pull` brings or `dvc repro` makes the one that fits"
        )
    return path


def by_content(made_by: Mapping[str, str]) -> dict[str, str]:
    """What made a cache, by digests of content alone: the same files made it, whatever set or values it names."""
    return {name: digest for name, digest in made_by.items() if name not in (MADE_FOR, VALUES)}


def read_origin(path: Path) -> dict[str, str]:
    """What a cache or a file of weights says it was made by, empty where it does not say.

    Raises:
        FileNotFoundError: `path` does not exist.
        DamagedFileError: It is no file of this pipeline, or damaged.
    """
    if path.suffix == ".h5":
        said: Mapping[str, Any] = hdf5.read_header(path).made_by
    else:
        try:
            with safe_open(path, "np") as file:
                said = json.loads((file.metadata() or {})["metadata"]).get("origin") or {}
        except (SafetensorError, OSError, KeyError, ValueError, AttributeError) as error:
            raise DamagedFileError(f"{path}: not weights of this pipeline, or damaged ({error})") from error
    return {key: str(said[key]) for key in (MADE_FOR, VALUES) if key in said}


def _digest(document: Mapping[str, Any], workspace: Workspace, name: str) -> str:
    """Digest of the values that decide an output, those of all it is made from included."""
    maker = MAKERS[name]
    seen_by = _seen_by(document, workspace, maker)
    own = _own(document, workspace, maker) if maker.section else {}
    inputs = [_digest(document, seen, other) for seen, other in _inputs(seen_by, name, own)]
    return digest_of({"inputs": inputs, **({"dataset": seen_by.dataset, "own": own} if maker.section else {})})


def _inputs(workspace: Workspace, name: str, own: Mapping[str, Any]) -> list[tuple[Workspace, str]]:
    """What an output is made from, each seen from its data set: a joint model's are those of several."""
    here = replace(workspace, trained_on="") if name == "features_across" else workspace
    seen_from = [replace(here, dataset=str(member)) for member in own.get("together") or ()] or [here]
    found = [(each, other) for each in seen_from for other in MAKERS[name].inputs]
    trained = replace(here, dataset=workspace.trained_on)
    return [(trained if name == "features_across" and other == "reid" else each, other) for each, other in found]


def _own(document: Mapping[str, Any], workspace: Workspace, maker: Maker) -> dict[str, Any]:
    """Values of an output's own section, as its data set has them, and of the arithmetic where that matters."""
    seen_by, path = _seen_by(document, workspace, maker), workspace.parameters
    if maker.section == "train_reid":
        values = params.model_values(document, path, seen_by.dataset, seen_by.model)
    else:
        (own,) = params.overrides(document, path, seen_by.dataset, (maker.section,))
        values = params.merge(params.mapping(document, path, maker.section), own)
    if maker.is_trained:
        runtime = params.mapping(document, path, "runtime")
        values["arithmetic"] = {key: runtime.get(key) for key in ARITHMETIC}
    return values


def _seen_by(document: Mapping[str, Any], workspace: Workspace, maker: Maker) -> Workspace:
    """The workspace as an output's stage sees it."""
    if not maker.is_shared:
        return workspace
    section = params.mapping(document, workspace.parameters, maker.section)
    return replace(workspace, dataset=str(section.get("dataset")))
