"""The page of a search: every query image with what was seen in it, and the images found, with what they share."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.report.figures import thumbnail, tint_views
from pipeline.report.page import TEMPLATES as SHARED_TEMPLATES
from pipeline.report.pictures import (
    Bar,
    Captioned,
    Picture,
    Tint,
    block_tints,
    parts_picture,
    picture,
    view_bars,
    view_tints,
    views_picture,
)
from pipeline.report.selection import viewpoint_name
from pipeline.retrieval.distances import DISTANCES
from pipeline.search.description import Description
from pipeline.search.gallery import Gallery, Matches, shared_views
from pipeline.search.image_files import ImageFiles
from pipeline.search.orientation import TITLES, Shown
from pipeline.search.queries import Queries
from pipeline.store.pages import environment

TEMPLATES = Path(__file__).with_name("templates")
QUERY_SIDE, MATCH_SIDE = 320, 220
"""Longer side of an asked and of a found image, pixels."""
QUALITY = 80
"""WebP's quality of all images, 1 to 100."""
UNKNOWN = "unknown"
"""Name of a vehicle that has none."""
KIND_NOTES = {
    "parts": "Boxes are the parts the part detector is surest of, numbered from the surest.",
    "part_masks": "Tints are the views SPAN sees: front plain, rear and side striped.",
}


@dataclass(frozen=True)
class Search:
    """A search and what it found.

    Attributes:
        files: The images asked.
        described: What was seen in them.
        queries: What they ask, by themselves or as tracks.
        gallery: Where was searched.
        shown: What the page shows beside the images.
        matches: One for each query.
        dataset: Name of the gallery's data set.
        model: Name of the model.
        top_d: Part boxes shown: those a model that reads boxes looks at.
    """

    files: ImageFiles
    described: Description
    queries: Queries
    gallery: Gallery
    shown: Shown
    matches: list[Matches]
    dataset: str
    model: str
    top_d: int


@dataclass(frozen=True)
class Note:
    """What of the pictures the model read, or did not read."""

    head: str
    text: str


@dataclass(frozen=True)
class Figure:
    """What was seen in a query image.

    Attributes:
        title: What it shows.
        note: Whether the model read it; "" for the image itself.
        content: The picture.
    """

    title: str
    note: str
    content: Captioned


@dataclass(frozen=True)
class Match:
    """An image found.

    Attributes:
        rank: 1 for the nearest.
        distance: To the query image.
        pictures: The image, and its view masks where they are shown; none where the image is damaged.
        bars: What counted for the pair; none where views are not compared apart.
        vehicle: Name of its vehicle.
        facts: Its camera and viewpoint, as far as known.
        path: Of its file, relative to the data set.
    """

    rank: int
    distance: float
    pictures: Sequence[Picture]
    bars: Sequence[Bar]
    vehicle: str
    facts: Sequence[str]
    path: str


@dataclass(frozen=True)
class Query:
    """A query and what was found for it.

    Attributes:
        file: Its path, or of a track the frames' path and the track.
        images: Images it is asked by.
        figures: What was seen in it.
        vehicles: Names of the vehicles found, nearest first, with the number of their images, or tracks.
        tints: Legend of the view masks and bars; none where there are neither.
        matches: The images found, nearest first.
    """

    file: Path
    images: int
    figures: Sequence[Figure]
    vehicles: Sequence[tuple[str, int]]
    tints: Sequence[Tint]
    matches: Sequence[Match]


def build_page(search: Search) -> str:
    """Build the whole page as text: one HTML document that opens without a network.

    What is damaged of what is only shown is left out, and `search.shown.remarks` gain why.

    Args:
        search: What to show.
    """
    queries = [_query(search, query) for query in range(len(search.queries.names))]
    template = environment(TEMPLATES, SHARED_TEMPLATES).get_template("search.html")
    return template.render(
        dataset=search.dataset,
        model=search.model,
        images=int(search.gallery.features.member.sum()),
        kind="image" if search.gallery.tracks is None else "track",
        searched="gallery images" if search.gallery.tracks is None else "tracks of gallery images",
        distance_note=DISTANCES[search.gallery.features.distance].note,
        notes=_notes(search),
        remarks=search.shown.remarks,
        queries=queries,
    )


def _notes(search: Search) -> list[Note]:
    """What of the pictures the model read, what it did not."""
    read = [KIND_NOTES[kind] for kind in search.shown.read]
    unread = [KIND_NOTES[kind] for kind in search.shown.caches if kind not in search.shown.read]
    groups = {
        f"{search.model} read these beside the images:": read,
        f"Shown for orientation; {search.model} did not read them:": unread,
    }
    return [Note(head, " ".join(notes)) for head, notes in groups.items() if notes]


def _query(search: Search, query: int) -> Query:
    matches, weights = search.matches[query], _weights(search, query)
    found = zip(matches.positions.tolist(), matches.distances.tolist(), weights, strict=True)
    return Query(
        search.queries.names[query],
        int(search.queries.counts[query]),
        _figures(search, query),
        _vehicles(search, matches),
        _legend(search),
        [_match(search, rank, *match) for rank, match in enumerate(found, 1)],
    )


def _compares_views(search: Search) -> bool:
    return search.gallery.features.distance == "cpdm"


def _weights(search: Search, query: int) -> NDArray[np.float32]:
    """Weight of each block in every pair, `(K, P)`; `(K, 0)` where views are not compared apart."""
    positions = search.matches[query].positions
    if not _compares_views(search):
        return np.zeros((len(positions), 0), np.float32)
    return shared_views(search.queries.area_ratios[query], search.gallery.features.area_ratios[positions])


def _legend(search: Search) -> list[Tint]:
    """Tints of the view masks, and the bars' grey where there are bars; none where there are neither."""
    if _compares_views(search):
        return block_tints(search.gallery.features.area_ratios.shape[1])
    return view_tints() if "part_masks" in search.shown.caches else []


def _figures(search: Search, query: int) -> list[Figure]:
    shown, seen = int(search.queries.images[query]), search.described.shown
    full = search.files.image(shown)
    image = thumbnail(full, QUERY_SIDE)
    size = f"{full.shape[1]} × {full.shape[0]} pixels"
    figures = [Figure("Image", "", Captioned(picture(image, "the query image", QUALITY), size))]
    if seen.parts is not None:
        found = seen.parts.some((shown, slice(search.top_d)))
        drawn = parts_picture(image, found.boxes, found.labels, found.scores, QUALITY)
        figures.append(Figure(TITLES["parts"], _use(search, "parts"), drawn))
    if seen.masks is not None and seen.ratios is not None:
        drawn = views_picture(image, seen.masks[shown], seen.ratios[shown], QUALITY)
        figures.append(Figure(TITLES["part_masks"], _use(search, "part_masks"), drawn))
    return figures


def _use(search: Search, kind: str) -> str:
    """Whether the model read a kind of cache, in words."""
    return f"read by {search.model}" if kind in search.shown.read else f"for orientation, not read by {search.model}"


def _vehicles(search: Search, matches: Matches) -> list[tuple[str, int]]:
    """Which vehicles were found, by their first rank, and how often."""
    names = search.gallery.store.vehicle_ids[search.gallery.rows[matches.positions]].tolist()
    return list(Counter(name or UNKNOWN for name in names).items())


def _match(search: Search, rank: int, position: int, distance: float, weights: NDArray[np.float32]) -> Match:
    store, row = search.gallery.store, int(search.gallery.rows[position])
    vehicle, camera = str(store.vehicle_ids[row]) or UNKNOWN, str(store.camera_ids[row])
    facts = [f"camera {camera}" if camera else "", viewpoint_name(store, row), track_name(search.gallery, position)]
    return Match(
        rank,
        distance,
        _pictures(search, row, f"rank {rank}, vehicle {vehicle}"),
        view_bars(weights),
        vehicle,
        [fact for fact in facts if fact],
        str(store.paths[row]),
    )


def track_name(gallery: Gallery, position: int) -> str:
    """A found track and the number of its images, in words; "" for an image."""
    if gallery.tracks is None or not gallery.tracks.names[position]:
        return ""
    count = int(gallery.tracks.counts[position])
    return f"track {gallery.tracks.names[position]}, {count} {'image' if count == 1 else 'images'}"


def _pictures(search: Search, row: int, description: str) -> list[Picture]:
    try:
        image = thumbnail(search.gallery.store.image(row), MATCH_SIDE)
    except (OSError, ValueError) as error:
        search.shown.remark(f"Images are not shown of all that were found: {error}")
        return []
    boxes, masks = search.shown.row("parts", "boxes", row), search.shown.row("part_masks", "masks", row)
    boxes = None if boxes is None else np.asarray(boxes[: search.top_d], np.float32)
    pictures = [picture(image, description, QUALITY, boxes)]
    if masks is not None:
        pictures.append(picture(tint_views(image, masks), "its view masks", QUALITY))
    return pictures
