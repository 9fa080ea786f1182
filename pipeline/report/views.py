"""What each view said of a retrieved pair, as SPAN's figure 5 shows it: its weight, and its distance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.ranking import Ranking
from pipeline.report.figures import thumbnail
from pipeline.report.pictures import Bar, Captioned, Tint, block_tints, view_bars, views_picture
from pipeline.report.retrieval import Shot, shot, shown_queries
from pipeline.report.sources import ReportParams, Sources


@dataclass(frozen=True)
class Pair:
    """A query with one of its gallery images.

    Attributes:
        shot: The gallery image.
        views: Its view masks, with their area ratios.
        distance: CPDM's, the sum of weight times distance.
        bars: Weight and distance of the whole and of each view.
    """

    shot: Shot
    views: Captioned
    distance: float
    bars: Sequence[Bar]


@dataclass(frozen=True)
class ViewCard:
    """A query, and its nearest right and nearest wrong image by every model that compares views apart.

    Attributes:
        asked: The query.
        views: Its view masks, with their area ratios.
        pairs: Model -> the right one and the wrong one, as far as the ranking kept holds them.
    """

    asked: Shot
    views: Captioned
    pairs: Sequence[tuple[str, Sequence[Pair]]]


@dataclass(frozen=True)
class ViewPairs:
    """Some queries of one data set.

    Attributes:
        dataset: Name of the data set.
        tints: Legend of masks and bars.
        cards: One for each query.
    """

    dataset: str
    tints: Sequence[Tint]
    cards: Sequence[ViewCard]


def view_pairs(sources: Sources, params: ReportParams) -> ViewPairs | None:
    """The queries whose rankings are shown, with what each view said of the right and of a wrong answer.

    Args:
        sources: The data set's files.
        params: Sizes and counts.

    Returns:
        None where no model compares views apart, or no query has a right image in the gallery.
    """
    rankings = {model: sources.ranking(model) for model in sources.models}
    rankings = {model: ranking for model, ranking in rankings.items() if ranking.view_weights.shape[2]}
    queries = shown_queries(sources, params) if rankings else []
    cards = [_card(sources, query, rankings, params) for query in queries]
    blocks = max((ranking.view_weights.shape[2] for ranking in rankings.values()), default=0)
    return ViewPairs(sources.name, block_tints(blocks), cards) if cards else None


def _card(sources: Sources, query: int, rankings: dict[str, Ranking], params: ReportParams) -> ViewCard:
    pairs = [(model, _pairs(sources, query, ranking, params)) for model, ranking in rankings.items()]
    return ViewCard(shot(sources.store, query, None, "query", params), _views(sources, query, params), pairs)


def _pairs(sources: Sources, query: int, ranking: Ranking, params: ReportParams) -> list[Pair]:
    """The nearest right and the nearest wrong image; the distances' bars of both have one scale."""
    line = ranking.rows.tolist().index(query)
    known, match = ranking.gallery[line] >= 0, ranking.match[line]
    places = [int(np.argmax(kind)) for kind in (match, known & ~match) if kind.any()]
    longest = float(ranking.view_distances[line, places].max(initial=0))
    return [_pair(sources, ranking, (line, place), longest, params) for place in places]


def _pair(sources: Sources, ranking: Ranking, place: tuple[int, int], longest: float, params: ReportParams) -> Pair:
    row, right = int(ranking.gallery[place]), bool(ranking.match[place])
    weights, distances = ranking.view_weights[place], ranking.view_distances[place]
    return Pair(
        shot(sources.store, row, right, f"{place[1] + 1} {'✓' if right else '✗'}", params),
        _views(sources, row, params),
        float((weights * distances).sum()),
        view_bars(weights, distances, longest),
    )


def _views(sources: Sources, row: int, params: ReportParams) -> Captioned:
    image: NDArray[np.uint8] = thumbnail(sources.store.image(row), params.retrieval_side)
    cache = sources.part_masks
    return views_picture(image, cache["masks"][row], cache["area_ratios"][row], params.quality)
