"""Rankings as pictures: what each model put first for the same queries."""

from html import escape
from typing import NamedTuple

import numpy as np

from pipeline.report.figures import thumbnail
from pipeline.report.markup import paragraph, picture
from pipeline.report.selection import quantile_positions, viewpoint_name
from pipeline.report.sources import ReportParams, Sources, read_table
from pipeline.retrieval.protocols import Rule, cross_camera, drawn_gallery, every_camera, protocol_of
from pipeline.store import hdf5
from pipeline.store.images import ImageStore

RULE_NOTES: dict[Rule, str] = {
    cross_camera: "Images of the asked vehicle by the query's own camera are left out, as the protocol demands.",
    every_camera: "Images by every camera count.",
    drawn_gallery: "The gallery is that of the first draw: one image of each vehicle.",
}
VERDICTS = {True: ("right", "✓"), False: ("wrong", "✗")}
"""Whether an image shows the asked vehicle -> CSS class and mark."""


class Ranking(NamedTuple):
    """One model's answer to one query.

    Attributes:
        average_precision: Of the whole ranking, NaN where the gallery holds no right image.
        rows: Rows of the image table, nearest first.
        right: Whether each shows the asked vehicle.
    """

    average_precision: float
    rows: list[int]
    right: list[bool]


def retrievals(sources: Sources, params: ReportParams) -> str:
    """First gallery images of some queries for every model, right and wrong ones framed differently.

    Queries are spread evenly from the baseline's best to its worst average precision.

    Args:
        sources: The data set's files.
        params: Sizes and counts; `baseline` falls back to the first model where it was not run.
    """
    metrics = sources.metrics(sources.models[0])
    if metrics["mAP"] is None:
        withheld = f"The identities of {metrics['test_set']} are withheld: which matches are right is not known here."
        return f"<h3>{escape(sources.name)}</h3>{paragraph(withheld)}"
    rankings = {model: read_rankings(sources, model) for model in sources.models}
    spreading = params.baseline if params.baseline in rankings else sources.models[0]
    queries = sorted(rankings[spreading])
    scores = np.array([rankings[spreading][query].average_precision for query in queries])
    chosen = [queries[position] for position in quantile_positions(scores, params.queries)]
    note = (
        f"Queries spread evenly from the best to the worst average precision of {spreading}; the same for every model. "
        "A solid green frame and ✓ mark the asked vehicle, a dashed orange frame and ✗ another one. "
    ) + RULE_NOTES[protocol_of(metrics["protocol"].split("/")[0])[0]]
    cards = "".join(_card(sources, query, rankings, params) for query in chosen)
    return f"<h3>{escape(sources.name)}</h3>{paragraph(note)}{cards}" if cards else ""


def read_rankings(sources: Sources, model: str) -> dict[int, Ranking]:
    """Row of each query of the leading test set -> its ranking by one model, the first draw's where there are several.

    Raises:
        ValueError: The ranking follows another image table.
    """
    folder = sources.evaluation(model)
    leading = (sources.metrics(model)["test_set"], "0")
    lines = [row for row in read_table(folder / "tables" / "queries.csv") if (row["test_set"], row["draw"]) == leading]
    scores = [row["average_precision"] for row in lines]
    with hdf5.Cache(folder / "ranking.h5", "ranking/1", sources.store.digest) as cache:
        found = zip(cache["rows"][()], scores, cache["gallery"][()], cache["match"][()], strict=True)
        return {
            int(row): Ranking(
                float(score) if score else float("nan"), gallery[gallery >= 0].tolist(), match[gallery >= 0].tolist()
            )
            for row, score, gallery, match in found
        }


def _card(sources: Sources, query: int, rankings: dict[str, dict[int, Ranking]], params: ReportParams) -> str:
    store = sources.store
    strips = "".join(_strip(store, model, ranked[query], params) for model, ranked in rankings.items())
    asked = _shot(store, query, "", "query", None, params)
    return f'<div class="query"><div class="asked">{asked}</div><div>{strips}</div></div>'


def _strip(store: ImageStore, model: str, ranking: Ranking, params: ReportParams) -> str:
    found = list(zip(ranking.rows, ranking.right, strict=True))[: params.ranks]
    shots = "".join(_shot(store, row, *VERDICTS[right], rank, params) for rank, (row, right) in enumerate(found, 1))
    score = "no right image" if np.isnan(ranking.average_precision) else f"AP {100 * ranking.average_precision:.0f} %"
    return (
        f'<div class="ranking" tabindex="0" role="group" aria-label="{escape(model)}">'
        f'<div class="model">{escape(model)}<small>{score}</small></div>{shots}</div>'
    )


def _shot(store: ImageStore, row: int, style: str, mark: str, rank: int | None, params: ReportParams) -> str:
    verdict = mark if rank is None else f"{rank} {mark}"
    vehicle, camera = f"vehicle {store.vehicle_ids[row]}", store.camera_ids[row]
    facts = [f"camera {camera}" if camera else "", viewpoint_name(store, row)]
    caption = "<br>".join(escape(fact) for fact in facts if fact)
    drawn = picture(thumbnail(store.image(row), params.retrieval_side), f"{verdict}, {vehicle}", params.quality)
    return (
        f'<div class="shot {style}"><span class="frame">{drawn}</span>'
        f'<span class="verdict">{escape(verdict)}</span> <small>{escape(vehicle)}<br>{caption}</small></div>'
    )
