"""A search in a finished run."""

from pathlib import Path

from drawn_vehicles import TinyData

from pipeline.networks.runtime import start
from pipeline.search.fitting import load_params
from pipeline.search.image_files import files_at
from pipeline.search.page import Search
from pipeline.search.run import search


def search_for(
    run: TinyData, model: str, *paths: Path, top: int = 20, vehicles_once: bool = False, tracks: str | None = None
) -> Search:
    """Search a run's gallery for image files."""
    values = load_params(run.workspace(model))
    workspace, fabric = run.workspace(model), start(values.runtime)
    return search(files_at(paths), workspace, values, fabric, top, vehicles_once=vehicles_once, tracks=tracks)
