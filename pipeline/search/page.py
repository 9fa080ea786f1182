"""The page of a search: every asked image with what was seen in it, and the images found, with what they share."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.report.figures import thumbnail, tint_views
from pipeline.report.markup import boxes_overlay, paragraph, picture, section
from pipeline.report.page import STYLE
from pipeline.report.selection import viewpoint_name
from pipeline.report.sheets import parts_figure, view_key, view_styles, views_figure
from pipeline.search.description import Description
from pipeline.search.gallery import Gallery, Matches, shared_views
from pipeline.search.image_files import ImageFiles
from pipeline.search.orientation import TITLES, Shown
from pipeline.store.vocabulary import VIEWS

SEARCH_STYLE = Path(__file__).with_name("search.css")
QUERY_SIDE, MATCH_SIDE = 320, 220
"""Longer side of an asked and of a found image, pixels."""
QUALITY = 80
"""WebP's quality of all images, 1 to 100."""
DISTANCE_NOTES = {
    "euclidean": "Distance: squared Euclidean, from 0, the same, to 4. The whole feature counted in every pair; "
    "this model does not compare views apart.",
    "cpdm": "Distance: CPDM, 0 for the same. The bars under each image say how much the whole vehicle and each view "
    "counted for the pair: the product of both images' area ratios, as a share of all. A view that only one of the "
    "two shows counts nothing.",
}
KIND_NOTES = {
    "parts": "Boxes are the parts the part detector is surest of, numbered from the surest.",
    "part_masks": "Tints are the views SPAN sees: front plain, rear and side striped.",
}


@dataclass(frozen=True)
class Search:
    """A search and what it found.

    Attributes:
        files: The asked images.
        described: What was seen in them.
        gallery: Where was searched.
        shown: What the page shows beside the images.
        matches: One for each asked image.
        dataset: Name of the gallery's data set.
        model: Name of the model.
        top_d: Part boxes shown: those a model that reads boxes looks at.
    """

    files: ImageFiles
    described: Description
    gallery: Gallery
    shown: Shown
    matches: list[Matches]
    dataset: str
    model: str
    top_d: int


def build_page(search: Search) -> str:
    """Build the whole page as text: one HTML document that opens without a network.

    Args:
        search: What to show.
    """
    count = len(search.files)
    title = f"Vehicles like {search.files.paths[0].name if count == 1 else f'those on {count} images'}"
    images = int(search.gallery.features.member.sum())
    lead = f"Searched among {images:,} gallery images of {search.dataset}, compared by {search.model}."
    sections = "\n".join(_section(search, query) for query in range(count))
    links = "".join(f'<li><a href="#query-{row}">{escape(path.name)}</a></li>' for row, path in _numbered(search))
    navigation = f'<nav aria-label="Asked images"><ul>{links}</ul></nav>\n' if count > 1 else ""
    style = STYLE.read_text(encoding="utf-8") + SEARCH_STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<header><h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>{_notes(search)}</header>\n'
        f"{navigation}<main>\n{sections}\n</main>\n</body>\n</html>\n"
    )


def _notes(search: Search) -> str:
    """How images were compared, what of the pictures the model read, what it did not, and what is not shown."""
    read = [KIND_NOTES[kind] for kind in search.shown.read]
    unread = [KIND_NOTES[kind] for kind in search.shown.caches if kind not in search.shown.read]
    groups = {
        f"{search.model} read these beside the images:": read,
        f"Shown for orientation; {search.model} did not read them:": unread,
    }
    told = "".join(f"<p><b>{escape(head)}</b> {escape(' '.join(notes))}</p>" for head, notes in groups.items() if notes)
    remarks = "".join(f'<p class="soft place">{escape(remark)}</p>' for remark in search.shown.remarks)
    return paragraph(DISTANCE_NOTES[search.gallery.features.distance]) + told + remarks


def _numbered(search: Search) -> list[tuple[int, Path]]:
    return list(enumerate(search.files.paths))


def _section(search: Search, query: int) -> str:
    path, matches = search.files.paths[query], search.matches[query]
    weights = _weights(search, query)
    cards = "".join(
        _card(search, int(position), float(distance), rank, None if weights is None else weights[rank - 1])
        for rank, (position, distance) in enumerate(zip(matches.positions, matches.distances, strict=True), 1)
    )
    return section(
        f"query-{query}",
        path.name,
        f'<p class="soft place">{escape(str(path))}</p>',
        _asked(search, query),
        f"<h3>Found, nearest first</h3>{paragraph(_vehicles(search, matches))}",
        _key(search, weights is not None),
        f'<ol class="matches">{cards}</ol>',
    )


def _weights(search: Search, query: int) -> NDArray[np.float32] | None:
    """Weight of the whole and of each view in every pair, `(K, 4)`; None where views are not compared apart."""
    if search.gallery.features.distance != "cpdm":
        return None
    ratios = search.gallery.features.area_ratios[search.matches[query].positions]
    return shared_views(search.described.area_ratios[query], ratios)


def _key(search: Search, whole: bool) -> str:
    """Legend of the tints, and of the bars' grey where there are bars; "" where there are neither."""
    if whole or "part_masks" in search.shown.caches:
        return view_key(("whole vehicle",) if whole else ())
    return ""


def _asked(search: Search, query: int) -> str:
    full, seen = search.files.image(query), search.described.shown
    image = thumbnail(full, QUERY_SIDE)
    size = f"{full.shape[1]} × {full.shape[0]} pixels"
    figures = [_figure("Image", f"{picture(image, 'the asked image', QUALITY)}<small>{size}</small>")]
    if seen.parts is not None:
        found, first = seen.parts, (query, slice(search.top_d))
        drawn = parts_figure(image, found.boxes[first], found.labels[first], found.scores[first], QUALITY)
        figures.append(_figure(TITLES["parts"], drawn, _use(search, "parts")))
    if seen.masks is not None and seen.ratios is not None:
        drawn = views_figure(image, seen.masks[query], seen.ratios[query], QUALITY)
        figures.append(_figure(TITLES["part_masks"], drawn, _use(search, "part_masks")))
    return f'<div class="asked-image">{"".join(figures)}</div>'


def _use(search: Search, kind: str) -> str:
    """Whether the model read a kind of cache, in words."""
    return f"read by {search.model}" if kind in search.shown.read else f"for orientation, not read by {search.model}"


def _figure(title: str, drawn: str, note: str = "") -> str:
    small = f"<small>{escape(note)}</small>" if note else ""
    return f"<figure><figcaption>{escape(title)}{small}</figcaption>{drawn}</figure>"


def _vehicles(search: Search, matches: Matches) -> str:
    """Which vehicles were found, by their first rank."""
    names = [
        str(name) or "unknown" for name in search.gallery.store.vehicle_ids[search.gallery.rows[matches.positions]]
    ]
    counts = {name: names.count(name) for name in names}
    told = [f"{name} ({count} images)" if count > 1 else name for name, count in counts.items()]
    further = f" and {len(told) - 8} more" if len(told) > 8 else ""
    return f"Vehicles, by their nearest image: {', '.join(told[:8])}{further}."


def _card(search: Search, position: int, distance: float, rank: int, weights: NDArray[np.float32] | None) -> str:
    store, row = search.gallery.store, int(search.gallery.rows[position])
    vehicle, camera = str(store.vehicle_ids[row]) or "unknown", str(store.camera_ids[row])
    facts = " · ".join(fact for fact in (f"camera {camera}" if camera else "", viewpoint_name(store, row)) if fact)
    return (
        f'<li class="match"><div class="rank"><b>{rank}</b> <span>distance {distance:.4f}</span></div>'
        f'<div class="pictures">{_pictures(search, row, f"rank {rank}, vehicle {vehicle}")}</div>'
        f"{_bars(weights)}<div><b>Vehicle {escape(vehicle)}</b><br><small>{escape(facts)}"
        f'<span class="place">{escape(str(store.paths[row]))}</span></small></div></li>'
    )


def _pictures(search: Search, row: int, description: str) -> str:
    caches = search.shown.caches
    image = thumbnail(search.gallery.store.image(row), MATCH_SIDE)
    overlay = ""
    if "parts" in caches:
        boxes = np.asarray(caches["parts"]["boxes"][row][: search.top_d], np.float32)
        overlay = boxes_overlay(boxes, image)
    drawn = picture(image, description, QUALITY, overlay)
    if "part_masks" in caches:
        tinted = tint_views(image, caches["part_masks"]["masks"][row])
        drawn += picture(tinted, "its view masks", QUALITY)
    return drawn


def _bars(weights: NDArray[np.float32] | None) -> str:
    """Bars of the weight of each view and of the whole; "" where views are not compared apart."""
    if weights is None:
        return ""
    *views, whole = view_styles()
    bars = "".join(
        f'<div><dt>{name}</dt><dd><i style="width:{100 * weight:.1f}%;{style}"></i></dd>'
        f"<dd>{100 * weight:.0f} %</dd></div>"
        for name, weight, style in zip(("whole", *VIEWS), weights, (whole, *views), strict=True)
    )
    return f'<dl class="shares" aria-label="What counted for this pair">{bars}</dl>'
