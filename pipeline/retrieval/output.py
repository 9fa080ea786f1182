"""What an evaluation leaves on disk: metrics, CMC curve, per-query table, draws, submission and ranking."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.artifacts.features import Features
from pipeline.artifacts.ranking import Ranking, write_ranking
from pipeline.retrieval.distances import DISTANCES, paired_views
from pipeline.retrieval.evaluation import Evaluation
from pipeline.retrieval.problems import Problem
from pipeline.retrieval.protocols import MODES
from pipeline.retrieval.scores import Scores, average_precision, cumulative_matches
from pipeline.retrieval.summary import Evaluated
from pipeline.store.files import atomic_directory, write_csv, write_json
from pipeline.store.images import ImageStore
from pipeline.store.words import counted

QUERY_COLUMNS = (
    "test_set",
    "draw",
    "path",
    "vehicle_id",
    "average_precision",
    "alike_average_precision",
    "first_hit",
    "junk",
    "positives",
)
DRAW_COLUMNS = ("test_set", "draw", "vehicle_id", "path")
SUBMISSION = "submission_{}.txt"
BY_TRACKS = "submission_{}_by_tracks.txt"


def write_evaluation(
    folder: Path,
    store: ImageStore,
    features: Features,
    evaluation: Evaluation,
    curve_length: int,
    made_by: dict[str, str],
) -> None:
    """Write ``metrics.json``, ``cmc.csv``, ``ranking.h5`` and the folder ``tables``.

    ``tables`` holds ``queries.csv``, a line per query of each test set and draw; ``draws.csv``, the drawn gallery
    images; ``submission_<test set>.txt`` for a test set without identities and, where there are tracks,
    ``submission_<test set>_by_tracks.txt``. ``ranking.h5`` is of the leading test set's first draw.

    Args:
        folder: ``data/evaluation/<dataset>/<model>``.
        store: The table.
        features: What was evaluated.
        evaluation: Its evaluation.
        curve_length: Ranks of the CMC curve.
        made_by: Makers, for the header of ``ranking.h5``.
    """
    paths, vehicles = store.paths[features.rows], store.vehicle_ids[features.rows]
    everything, leading = evaluation.test_sets, evaluation.leading
    with atomic_directory(folder / "tables") as tables:
        queries = [
            line for item in everything if not item.test.withheld for line in _query_lines(item, paths, vehicles)
        ]
        write_csv(tables / "queries.csv", queries, QUERY_COLUMNS)
        drawn = [
            line for item in everything if "drawn" in item.test.roles for line in _draw_lines(item, store, features)
        ]
        write_csv(tables / "draws.csv", drawn, DRAW_COLUMNS)
        for item in everything:
            if item.test.withheld:
                write_submission(tables / SUBMISSION.format(item.test.name), item, paths)
        for item in evaluation.by_tracks:
            write_submission(tables / BY_TRACKS.format(item.test.name), item, paths)
    write_ranking(folder / "ranking.h5", store.digest, _ranking(features, leading), made_by)
    rates = [] if leading.test.withheld else _rates(leading, curve_length)
    write_csv(folder / "cmc.csv", rates, ("rank", "rate"))
    write_json(folder / "metrics.json", evaluation.metrics)


def outcome(metrics: dict[str, Any]) -> str:
    """One line that sums the leading test set up, from the metrics of an evaluation."""
    about = f"{metrics['test_set']} by {metrics['protocol']}, {counted(metrics['queries'], 'query', 'queries')}"
    if metrics["mAP"] is None:
        file = SUBMISSION.format(metrics["test_set"])
        return f"{about}: identities are withheld; tables/{file} holds the ranking for the benchmark's server"
    low, high = metrics["interval"].get("mAP", (metrics["mAP"], metrics["mAP"]))
    mean = f"mAP {metrics['mAP']:.3f} (95 %: {low:.3f} to {high:.3f})"
    return f"{about}: {mean}{_among_alike(metrics['alike'])}{_of_tracks(metrics['tracks'])}"


def _among_alike(alike: dict[str, Any] | None) -> str:
    """What `outcome` says of look-alikes, "" where nothing was to be told apart."""
    if alike is None or alike["mAP"] is None:
        return ""
    return f"; among {alike['queries']:,} queries' look-alikes {alike['mAP']:.3f} (chance {alike['chance']:.3f})"


def _of_tracks(tracks: dict[str, Any] | None) -> str:
    """What `outcome` says of tracks, "" where there are none, or none that could be found."""
    found = {} if tracks is None else {mode: tracks[mode]["mAP"] for mode in MODES}
    return "".join(f"; {mode.replace('_', ' ')} {mAP:.3f}" for mode, mAP in found.items() if mAP is not None)


def _rates(leading: Evaluated, curve_length: int) -> list[dict[str, object]]:
    curve = np.mean([cumulative_matches(scores, curve_length) for scores in leading.scores], 0)
    return [{"rank": rank, "rate": float(rate)} for rank, rate in enumerate(curve, 1)]


def _query_lines(
    evaluated: Evaluated, paths: NDArray[np.str_], vehicles: NDArray[np.str_]
) -> Iterator[dict[str, object]]:
    """A line per query; average precisions and first hit stay empty where they are not defined."""
    for draw, (problem, scores) in enumerate(zip(evaluated.problems, evaluated.scores, strict=True)):
        columns: dict[str, Sequence[object]] = {
            "path": paths[problem.queries].tolist(),
            "vehicle_id": vehicles[problem.queries].tolist(),
            "average_precision": _cells(average_precision(scores), scores),
            "first_hit": _cells(scores.first, scores),
            "junk": scores.junk.tolist(),
            "positives": scores.counts.tolist(),
        }
        if evaluated.alike is not None:
            alike = evaluated.alike.scores[draw].scores
            columns["alike_average_precision"] = _cells(average_precision(alike), alike)
        for cells in zip(*columns.values(), strict=True):
            yield {"test_set": evaluated.test.name, "draw": draw, **dict(zip(columns, cells, strict=True))}


def _cells(values: NDArray[np.float64] | NDArray[np.int64], scores: Scores) -> list[object]:
    """What each counted query has, "" for the others."""
    found = iter(values.tolist())
    return [next(found) if counted else "" for counted in scores.counted]


def _draw_lines(evaluated: Evaluated, store: ImageStore, features: Features) -> Iterator[dict[str, object]]:
    for draw, problem in enumerate(evaluated.problems):
        for row in features.rows[problem.gallery]:
            line = {"test_set": evaluated.test.name, "draw": draw}
            yield line | {"vehicle_id": store.vehicle_ids[row], "path": store.paths[row]}


def write_submission(path: Path, evaluated: Evaluated, paths: np.ndarray[Any, Any]) -> None:
    """Write the ranking of a withheld test set as the AI City Challenge's server takes it.

    A line per query, by rising path; on it its nearest gallery images, nearest first, between blanks: the numbers that
    name them, or their paths where any is named otherwise.

    Args:
        path: The file.
        evaluated: The test set.
        paths: `(M,)` path of each feature's image.
    """
    problem = evaluated.problems[0]
    order = np.argsort(paths[problem.queries], kind="stable")
    stems = [PurePosixPath(str(path)).stem for path in paths[problem.gallery]]
    numbered = all(stem.isdecimal() for stem in stems)
    names = np.array([str(int(stem)) for stem in stems]) if numbered else paths[problem.gallery]
    lines = [" ".join(names[found[found >= 0]]) for found in evaluated.ranks.nearest[order]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _ranking(features: Features, evaluated: Evaluated) -> Ranking:
    problem, nearest = evaluated.problems[0], evaluated.ranks.nearest
    found = nearest >= 0
    weights, distances = _views(features, problem, nearest)
    return Ranking(
        rows=features.rows[problem.queries],
        gallery=np.where(found, features.rows[problem.gallery[nearest]], -1),
        distances=evaluated.ranks.nearest_distances,
        match=found & (problem.gallery_vehicles[nearest] == problem.query_vehicles[:, None]),
        view_weights=weights,
        view_distances=distances,
    )


def _views(
    features: Features, problem: Problem, nearest: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight and distance of each block of a feature for the pairs of a ranking, `(Q, R, P)` each."""
    blocks = len(features.dimensions) if DISTANCES[features.distance].weighs_blocks else 0
    weights, distances = np.zeros((2, *nearest.shape, blocks), np.float32)
    if blocks:
        values, ratios = torch.from_numpy(features.features), torch.from_numpy(features.area_ratios)
        for place, (query, found) in enumerate(zip(problem.queries, nearest, strict=True)):
            second = torch.from_numpy(problem.gallery[found[found >= 0]])
            sides = values[query][None], values[second], ratios[query][None], ratios[second]
            pairs = paired_views(*sides, features.dimensions)
            weights[place, : len(second)], distances[place, : len(second)] = (part.numpy() for part in pairs)
    return weights, distances
