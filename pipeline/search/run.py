"""A search from images to matches, and its matches as text and as a table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric

from pipeline.artifacts.features import Features
from pipeline.reid.build import restore
from pipeline.report.selection import viewpoint_name
from pipeline.search.description import describe
from pipeline.search.fitting import SearchParams, check_networks
from pipeline.search.gallery import by_tracks, find, open_gallery
from pipeline.search.image_files import ImageFiles, Source
from pipeline.search.orientation import open_shown
from pipeline.search.page import Search
from pipeline.search.queries import queries_of
from pipeline.store.files import write_csv, write_json
from pipeline.store.places import Workspace

PARTS_SHOWN = 8
"""Part boxes shown of a model that reads none: D of PGAN §3.2."""

MATCH_COLUMNS = ("query", "images", "rank", "distance", "vehicle_id", "camera_id", "viewpoint", "path")
"""Of the table of matches; `images` are those the query was asked by."""
TRACK_COLUMNS = ("track", "track_images")
"""Of the same where tracks were found."""


def search(
    sources: Sequence[Source],
    workspace: Workspace,
    values: SearchParams,
    fabric: Fabric,
    top: int,
    *,
    vehicles_once: bool,
    tracks: str | None = None,
) -> Search:
    """Find the gallery images nearest to some images, or the tracks nearest to them; nothing is written.

    What is only shown, and missing or not fitting, is left out with a remark.

    Args:
        sources: Images; those of one track are asked as one.
        workspace: The run whose networks and gallery serve.
        values: Its parameters.
        fabric: Places networks and batches.
        top: Gallery images, or tracks, wanted for each query.
        vehicles_once: Keep the nearest image of each vehicle only.
        tracks: Column of the gallery's table that names tracks, which are then found in place of images; None finds
            images.

    Raises:
        FileNotFoundError: An image, or an output of a stage, that the model needs is missing.
        ValueError: A file is no usable image, the column is unknown, or outputs that the model needs do not fit each
            other.
    """
    files = ImageFiles(sources, values.limits)
    weights = workspace.existing("reid")
    network, metadata = restore(weights, workspace.model)
    gallery = open_gallery(workspace, network.inputs, metadata["makers"])
    check_networks(workspace, values, metadata["makers"], weights)
    shown = open_shown(workspace, values, gallery.sources)
    gallery = gallery if tracks is None else by_tracks(gallery, tracks)
    described = describe(files, network, workspace, values, fabric, shown.caches)
    known = gallery.features
    ratios = described.area_ratios[:, : known.area_ratios.shape[1]]
    rows = np.arange(len(files))
    queries = queries_of(files, Features(rows, described.features, ratios, known.distance, known.dimensions))
    groups = gallery.vehicles() if vehicles_once else None
    matches = find(known, queries.features, queries.area_ratios, top, groups)
    top_d = network.top_d or PARTS_SHOWN
    return Search(files, described, queries, gallery, shown, matches, workspace.dataset, workspace.model, top_d)


def matches_of(found: Search) -> list[dict[str, object]]:
    """A line for each match, under `MATCH_COLUMNS` and, where tracks were found, `TRACK_COLUMNS`."""
    store, gallery = found.gallery.store, found.gallery
    lines: list[dict[str, object]] = []
    for name, count, matches in zip(found.queries.names, found.queries.counts.tolist(), found.matches, strict=True):
        pairs = zip(matches.positions.tolist(), matches.distances.tolist(), strict=True)
        for rank, (position, distance) in enumerate(pairs, 1):
            row = int(gallery.rows[position])
            line: dict[str, object] = {
                "query": str(name),
                "images": count,
                "rank": rank,
                "distance": distance,
                "vehicle_id": str(store.vehicle_ids[row]),
                "camera_id": str(store.camera_ids[row]),
                "viewpoint": viewpoint_name(store, row),
                "path": str(store.paths[row]),
            }
            if gallery.tracks is not None:
                line |= {"track": str(gallery.tracks.names[position])}
                line |= {"track_images": int(gallery.tracks.counts[position])}
            lines.append(line)
    return lines


def write_matches(path: Path, found: Search) -> None:
    """Write all matches, whole or not at all.

    Args:
        path: A ``.json`` file, which holds a list of objects, or a CSV file of any other name.
        found: The search.
    """
    if path.suffix.lower() == ".json":
        write_json(path, matches_of(found))
    else:
        columns = MATCH_COLUMNS if found.gallery.tracks is None else (*MATCH_COLUMNS, *TRACK_COLUMNS)
        write_csv(path, matches_of(found), columns)


def table(found: Search) -> str:
    """Rank, distance, vehicle, camera and path of every match, and its track, under the name of each query."""
    head = ("rank", "distance", "vehicle", "camera", "path", *(() if found.gallery.tracks is None else ("track",)))
    blocks = {str(name): [head] for name in found.queries.names}
    for line in matches_of(found):
        numbers = str(line["rank"]), f"{line['distance']:.4f}"
        texts = [str(line[name]) for name in ("vehicle_id", "camera_id", "path", "track") if name in line]
        blocks[str(line["query"])].append((*numbers, *texts))
    return "\n\n".join("\n".join([name, *_aligned(lines)]) for name, lines in blocks.items())


def _aligned(lines: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns of equal width, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column < 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
