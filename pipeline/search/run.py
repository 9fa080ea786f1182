"""A search from image files to matches, and its matches as text."""

from pathlib import Path

from lightning_fabric import Fabric

from pipeline.reid.build import restore
from pipeline.search.description import describe
from pipeline.search.fitting import SearchParams, check_networks
from pipeline.search.gallery import find, open_gallery
from pipeline.search.image_files import ImageFiles
from pipeline.search.orientation import open_shown
from pipeline.search.page import Search
from pipeline.store.places import Workspace

PARTS_SHOWN = 8
"""Part boxes shown of a model that reads none: D of PGAN §3.2."""


def search(
    paths: list[Path], workspace: Workspace, values: SearchParams, fabric: Fabric, top: int, *, vehicles_once: bool
) -> Search:
    """Find the gallery images nearest to those of some files; nothing is written.

    What is only shown, and missing or not fitting, is left out with a remark.

    Args:
        paths: Image files.
        workspace: The run whose networks and gallery serve.
        values: Its parameters.
        fabric: Places networks and batches.
        top: Gallery images wanted for each file.
        vehicles_once: Keep the nearest image of each vehicle only.

    Raises:
        FileNotFoundError: An image, or an output of a stage, that the model needs is missing.
        ValueError: A file is no usable image, or outputs that the model needs do not fit each other.
    """
    files = ImageFiles(paths, values.limits)
    weights = workspace.existing("reid")
    network, metadata = restore(weights, workspace.model)
    gallery = open_gallery(workspace, network.inputs, metadata["makers"])
    check_networks(workspace, values, metadata["makers"], weights)
    shown = open_shown(workspace, values, gallery.sources)
    described = describe(files, network, workspace, values, fabric, shown.caches)
    ratios = described.area_ratios[:, : gallery.features.area_ratios.shape[1]]
    groups = gallery.vehicles() if vehicles_once else None
    matches = find(gallery.features, described.features, ratios, top, groups)
    return Search(
        files, described, gallery, shown, matches, workspace.dataset, workspace.model, network.top_d or PARTS_SHOWN
    )


def table(found: Search) -> str:
    """Rank, distance, vehicle, camera and path of every match, under the name of each file."""
    store = found.gallery.store
    blocks = []
    for path, matches in zip(found.files.paths, found.matches, strict=True):
        rows = found.gallery.rows[matches.positions]
        lines: list[tuple[str, ...]] = [("rank", "distance", "vehicle", "camera", "path")]
        lines += [
            (
                str(rank),
                f"{distance:.4f}",
                str(store.vehicle_ids[row]),
                str(store.camera_ids[row]),
                str(store.paths[row]),
            )
            for rank, (row, distance) in enumerate(zip(rows, matches.distances, strict=True), 1)
        ]
        blocks.append("\n".join([str(path), *_aligned(lines)]))
    return "\n\n".join(blocks)


def _aligned(lines: list[tuple[str, ...]]) -> list[str]:
    """Columns of equal width, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column < 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
