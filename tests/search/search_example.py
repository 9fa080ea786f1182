"""A search in a finished run."""

from pathlib import Path

from drawn_vehicles import TinyData

from pipeline.networks.runtime import start
from pipeline.search.fitting import load_params
from pipeline.search.page import Search
from pipeline.search.run import search


def search_for(run: TinyData, model: str, *paths: Path, top: int = 20, vehicles_once: bool = False) -> Search:
    """Search a run's gallery for image files."""
    values = load_params(run.workspace(model))
    return search(list(paths), run.workspace(model), values, start(values.runtime), top, vehicles_once=vehicles_once)
