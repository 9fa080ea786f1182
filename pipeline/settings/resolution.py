"""The values every stage really gets: sections, models and overrides of `params.yaml` put together, a file each.

Beside them, the versions of libraries that results depend on.

DVC tracks keys that exist, one by one, and cannot look one key up by another. A stage that tracked its section and its
override would need an empty override in every data set, and one that runs a re-ID model could not tell whose code that
model is made of. So each stage depends on the small file that holds its values, and an edit of `params.yaml` reruns
those whose file changed, and nothing else. The same holds for a library: DVC sees a new one in `uv.lock` and has the
versions written anew, of those installed.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.settings.code import code_of
from pipeline.settings.libraries import versions
from pipeline.store import params
from pipeline.store.files import atomic_directory, write_json
from pipeline.store.listed import LISTS, check_names, lenders, listed

BY_MODEL = ("train_reid", "reid_models")
"""Sections that are resolved for each model."""

WITHOUT_VALUES = (("models",), ("across", "trained_on"))
"""Lists whose names need no values of a data set: models, and what is listed elsewhere to be trained on."""


def write_resolved(folder: Path, parameters: Path, root: Path) -> int:
    """Write the values of every stage, whole or not at all, once all names are known to work.

    Args:
        folder: Where to: ``datasets/<dataset>/<section>.json``, ``datasets/<dataset>/train_reid/<model>.json``,
            ``networks/<model>.json``, the code of the model's network by digest, and ``libraries/<library>.json``, see
            `pipeline.settings.libraries`.
        parameters: The parameter file.
        root: The folder of the code.

    Returns:
        The number of files.

    Raises:
        ValueError: A section, a model's entry or its network is missing or no mapping, an override names no section,
            a name cannot be used or is listed twice, or a number is not finite.
    """
    document = params.read(parameters)
    check_names(document, parameters)
    document = {key: _plain(value, f"{parameters}: {key}") for key, value in document.items()}
    files = {**dict(_of_data_sets(document, parameters)), **dict(_of_networks(document, parameters, root))}
    files |= {f"libraries/{name}": values for name, values in versions().items()}
    with atomic_directory(folder) as temporary:
        for name, values in files.items():
            write_json(temporary / f"{name}.json", values)
    return len(files)


def _of_data_sets(document: dict[str, Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    by_list = {keys: listed(document, path, *keys) for keys in LISTS if keys not in WITHOUT_VALUES}
    for dataset in dict.fromkeys([*itertools.chain(*by_list.values()), *lenders(document, path).values()]):
        for section in [key for key in document if key not in (*params.OF_THE_RUN, *BY_MODEL)]:
            changes = params.overrides(document, path, dataset, (section,))
            yield f"datasets/{dataset}/{section}", params.merge(params.mapping(document, path, section), *changes)
        for model in listed(document, path, "models"):
            yield f"datasets/{dataset}/train_reid/{model}", params.model_values(document, path, dataset, model)


def _of_networks(document: dict[str, Any], path: Path, root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for model in listed(document, path, "models"):
        network = str(params.model_values(document, path, "", model).get("network"))
        try:
            code = code_of(root, network)
        except ValueError as error:
            raise ValueError(f"{path}: reid_models.{model}: {error}") from error
        yield f"networks/{model}", {"network": network, "code": code}


def _plain(value: Any, where: str) -> Any:
    """A value as JSON has it; what only YAML has, as a date, is text, as the stages read it.

    Raises:
        ValueError: It holds a number that is not finite, which no parameter takes.
    """
    if isinstance(value, Mapping):
        return {str(key): _plain(each, f"{where}.{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each, f"{where}[{place}]") for place, each in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number, got {value}")
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)
