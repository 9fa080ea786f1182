"""Rankings as pictures: what each model put first for the same queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.report.figures import thumbnail
from pipeline.report.pictures import Picture, picture
from pipeline.report.selection import quantile_positions, viewpoint_name
from pipeline.report.sources import ReportParams, Sources
from pipeline.retrieval.protocols import protocol_of
from pipeline.store.images import ImageStore


class Answer(NamedTuple):
    """One model's answer to one query.

    Attributes:
        average_precision: Of the whole ranking, NaN where the gallery holds no right image.
        rows: Rows of the image table, nearest first.
        right: Whether each shows the asked vehicle.
    """

    average_precision: float
    rows: list[int]
    right: list[bool]


@dataclass(frozen=True)
class Shot:
    """An image of a query or a gallery.

    Attributes:
        picture: The image.
        right: Whether it shows the asked vehicle; None for the query itself.
        verdict: Its rank and whether it is right, in short.
        facts: What is known of it, a line each.
    """

    picture: Picture
    right: bool | None
    verdict: str
    facts: Sequence[str]


@dataclass(frozen=True)
class Strip:
    """What one model put first for a query.

    Attributes:
        model: Name of the model.
        average_precision: Of the whole ranking, in [0, 1]; None where the gallery holds no right image.
        shots: Gallery images, nearest first.
    """

    model: str
    average_precision: float | None
    shots: Sequence[Shot]


@dataclass(frozen=True)
class Card:
    """A query and what every model put first for it."""

    asked: Shot
    strips: Sequence[Strip]


@dataclass(frozen=True)
class Retrieval:
    """Rankings of some queries of one data set.

    Attributes:
        dataset: Name of the data set.
        withheld: Test set whose identities are not known, so that there is nothing to show; "" where they are.
        spread_by: Model by whose average precision the queries are spread.
        rule: What the protocol does.
        cards: One for each query.
    """

    dataset: str
    withheld: str = ""
    spread_by: str = ""
    rule: str = ""
    cards: Sequence[Card] = ()


def retrieval(sources: Sources, params: ReportParams) -> Retrieval | None:
    """First gallery images of some queries for every model; None where no query has a right image in the gallery.

    Queries are spread evenly from the baseline's best to its worst average precision.

    Args:
        sources: The data set's files.
        params: Sizes and counts; `baseline` falls back to the first model where it was not run.
    """
    metrics = sources.metrics(sources.models[0])
    if metrics["mAP"] is None:
        return Retrieval(sources.name, withheld=metrics["test_set"])
    answers = {model: read_answers(sources, model) for model in sources.models}
    rule = protocol_of(metrics["protocol"].split("/")[0]).note
    cards = [_card(sources, query, answers, params) for query in shown_queries(sources, params)]
    return Retrieval(sources.name, spread_by=_spreading(sources, params), rule=rule, cards=cards) if cards else None


def shown_queries(sources: Sources, params: ReportParams) -> list[int]:
    """Rows of the queries shown, spread evenly from the best to the worst average precision of one model.

    Args:
        sources: The data set's files.
        params: How many, and by which model; the first where that was not run.

    Returns:
        Empty where no query has a right image in the gallery, or none is known.
    """
    if sources.metrics(sources.models[0])["mAP"] is None:
        return []
    answers = read_answers(sources, _spreading(sources, params))
    queries = sorted(answers)
    scores = np.array([answers[query].average_precision for query in queries])
    return [queries[position] for position in quantile_positions(scores, params.queries)]


def _spreading(sources: Sources, params: ReportParams) -> str:
    return params.baseline if params.baseline in sources.models else sources.models[0]


def read_answers(sources: Sources, model: str) -> dict[int, Answer]:
    """Row of each query of the leading test set -> one model's answer, the first draw's where there are several.

    Raises:
        ValueError: The ranking follows another image table, or the queries' table is of another evaluation.
    """
    scores = [row["average_precision"] for row in sources.queries(model)]
    ranking = sources.ranking(model)
    found = zip(ranking.rows, scores, ranking.gallery, ranking.match, strict=True)
    return {
        int(row): Answer(
            float(score) if score else float("nan"), gallery[gallery >= 0].tolist(), match[gallery >= 0].tolist()
        )
        for row, score, gallery, match in found
    }


def _card(sources: Sources, query: int, answers: dict[str, dict[int, Answer]], params: ReportParams) -> Card:
    store = sources.store
    strips = [_strip(store, model, answered[query], params) for model, answered in answers.items()]
    return Card(shot(store, query, None, "query", params), strips)


def _strip(store: ImageStore, model: str, answer: Answer, params: ReportParams) -> Strip:
    found = list(zip(answer.rows, answer.right, strict=True))[: params.ranks]
    shots = [
        shot(store, row, right, f"{rank} {'✓' if right else '✗'}", params) for rank, (row, right) in enumerate(found, 1)
    ]
    score = answer.average_precision
    return Strip(model, None if np.isnan(score) else score, shots)


def shot(store: ImageStore, row: int, right: bool | None, verdict: str, params: ReportParams) -> Shot:
    """An image of a query or a gallery, with what is known of it.

    Args:
        store: The images.
        row: Which.
        right: Whether it shows the asked vehicle; None for the query itself.
        verdict: Its rank and whether it is right, in short.
        params: Its size.
    """
    vehicle, camera = f"vehicle {store.vehicle_ids[row]}", store.camera_ids[row]
    facts = [vehicle, f"camera {camera}" if camera else "", viewpoint_name(store, row)]
    drawn = picture(thumbnail(store.image(row), params.retrieval_side), f"{verdict}, {vehicle}", params.quality)
    return Shot(drawn, right, verdict, [fact for fact in facts if fact])
