"""Retrieval scored from the definitions, in plain Python: sort everything, walk down every list."""

from dataclasses import dataclass

import numpy as np

from pipeline.artifacts.features import Features
from pipeline.retrieval.problems import Problem


@dataclass
class Query:
    """One query of a problem.

    Attributes:
        distances: To each gallery image.
        relevant: Gallery indices that show its vehicle and are not junk.
        junk: Gallery indices the protocol removes.
    """

    distances: list[float]
    relevant: set[int]
    junk: set[int]

    @property
    def order(self) -> list[int]:
        """Gallery indices by distance, then by index, without junk."""
        kept = [index for index in range(len(self.distances)) if index not in self.junk]
        return sorted(kept, key=lambda index: (self.distances[index], index))

    @property
    def ranks(self) -> list[int]:
        """Ranks of the relevant images, from 1."""
        return [rank for rank, index in enumerate(self.order, 1) if index in self.relevant]

    @property
    def average_precision(self) -> float:
        """Mean over the relevant images of the precision when each is reached."""
        total, found = 0.0, 0
        for rank, index in enumerate(self.order, 1):
            if index in self.relevant:
                found += 1
                total += found / rank
        return total / len(self.relevant)

    @property
    def trapezoid(self) -> float:
        """Area below the curve of precision over recall, by trapezoids between neighbouring ranks."""
        area, found, before = 0.0, 0, 1.0
        for rank, index in enumerate(self.order, 1):
            hit = index in self.relevant
            found += hit
            now = found / rank
            area += (before + now) / 2 / len(self.relevant) if hit else 0.0
            before = now
        return area

    @property
    def negative_penalty(self) -> float:
        """Relevant images over the rank of the last one."""
        return len(self.relevant) / self.ranks[-1]


def queries_of(features: Features, problem: Problem, *, remove_same_camera: bool) -> list[Query]:
    """The queries of a problem compared by squared Euclidean distances in double precision."""
    queries = []
    for place, position in enumerate(problem.queries):
        apart = features.features[problem.gallery].astype(float) - features.features[position]
        same = set(np.flatnonzero(problem.gallery_vehicles == problem.query_vehicles[place]).tolist())
        camera = problem.query_cameras[place]
        known = remove_same_camera and camera >= 0
        junk = {index for index in same if known and problem.gallery_cameras[index] == camera}
        queries.append(Query((apart**2).sum(1).tolist(), same - junk, junk))
    return queries


def mean(values: list[float]) -> float | None:
    """Their mean, None of nothing."""
    return sum(values) / len(values) if values else None


def summary(queries: list[Query], ranks: tuple[int, ...]) -> dict[str, object]:
    """Metrics of a problem, with the keys of `pipeline.retrieval.scores.summarise`."""
    counted = [query for query in queries if query.relevant]
    gallery = len(queries[0].distances)
    return {
        "mAP": mean([query.average_precision for query in counted]),
        "mAP_trapezoid": mean([query.trapezoid for query in counted]),
        "mINP": mean([query.negative_penalty for query in counted]),
        "CMC": {
            str(rank): mean([float(query.ranks[0] <= rank) for query in counted]) for rank in ranks if rank <= gallery
        },
        "queries": len(queries),
        "gallery": gallery,
        "junk": sum(len(query.junk) for query in queries),
        "queries_without_match": len(queries) - len(counted),
    }
