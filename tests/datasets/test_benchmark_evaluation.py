"""Every benchmark from its official folder to its metrics, by the parameters `params.yaml` gives it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from retrieval_oracle import queries_of, summary
from tiny_run import PROJECT

from pipeline.artifacts.features import Features
from pipeline.retrieval.evaluation import EvaluateParams, evaluate_table
from pipeline.retrieval.output import write_evaluation
from pipeline.retrieval.problems import find_test_sets
from pipeline.retrieval.protocols import DrawsParams, cross_camera
from pipeline.retrieval.ranking import Pairs
from pipeline.store import params
from pipeline.store.images import ImageStore
from tests.datasets.miniatures import WRITERS, prepared, raw, write_veri776

CPU = torch.device("cpu")
BENCHMARKS = {
    "veri776": ("veri776/1", "test", []),
    "vehicleid": ("vehicleid/1", "large", ["small", "medium", "large"]),
    "vric": ("vric/1", "test", []),
    "veri_wild": ("veri_wild/1", "large", ["small", "medium", "large"]),
    "cityflow_reid": ("cityflow_reid/1", "local_split", ["official", "local_split"]),
}
"""Data set -> its protocol, its leading test set, and all where there are several."""


def features_of(store: ImageStore) -> Features:
    """Whole-number features that have little to do with the vehicle, so that rankings are mixed and distances exact."""
    rows = store.test_rows()
    values = np.random.default_rng(0).integers(-3, 4, (len(rows), 5)).astype(np.float32)
    return Features(rows, values, np.zeros((len(rows), 0), np.float32), "euclidean", (5,))


@pytest.mark.parametrize("dataset", BENCHMARKS)
def test_a_benchmark_is_scored_as_its_protocol_says(dataset: str, tmp_path: Path) -> None:
    WRITERS[dataset](raw(dataset, tmp_path))
    store, _ = prepared(dataset, tmp_path)
    values = params.load(PROJECT / "params.yaml", "evaluate", EvaluateParams, dataset=dataset)
    features = features_of(store)
    evaluation = evaluate_table(store, features, values, CPU)
    metrics = evaluation.metrics
    protocol, name, names = BENCHMARKS[dataset]
    assert (metrics["protocol"], metrics["test_set"], list(metrics["test_sets"])) == (protocol, name, names)
    removes = dataset in ("veri776", "veri_wild", "cityflow_reid")
    for item in evaluation.test_sets:
        if item.test.withheld:
            continue
        found = metrics["test_sets"].get(item.test.name, metrics)
        expected = [
            summary(queries_of(features, problem, remove_same_camera=removes), values.ranks)
            for problem in item.problems
        ]
        assert len(item.problems) == (10 if dataset == "vehicleid" else 1)
        for measure in ("mAP", "mAP_trapezoid", "mINP"):
            mean = np.mean([one[measure] for one in expected])
            assert found[measure] == pytest.approx(mean)
            low, high = found["interval"].get(measure, (mean, mean))  # one vehicle with a match has none
            assert low <= mean <= high
        for count in ("queries", "gallery", "junk", "queries_without_match"):
            assert found[count] == expected[0][count]
    write_evaluation(tmp_path / "out", store, features, evaluation, 50, {})
    assert (tmp_path / "out" / "tables" / "submission_official.txt").exists() == (dataset == "cityflow_reid")


def test_veri776s_rule_gives_its_own_lists_of_good_and_junk_images(tmp_path: Path) -> None:
    folder = raw("veri776", tmp_path)
    write_veri776(folder)
    store, _ = prepared("veri776", tmp_path)
    (test,) = find_test_sets(store, store.test_rows())
    (problem,) = cross_camera(test, DrawsParams(1, 0))
    relevant, junk = problem.relevance(0, len(problem.queries))
    assert listed(folder / "gt_index.txt") == by_query(relevant, len(problem.queries))
    assert listed(folder / "jk_index.txt") == by_query(junk, len(problem.queries))
    assert sum(len(indices) for indices in listed(folder / "jk_index.txt")) > 0


def listed(path: Path) -> list[list[int]]:
    """Gallery indices of each query, which the file counts from 1."""
    return [[int(index) - 1 for index in line.split()] for line in path.read_text().splitlines()]


def by_query(pairs: Pairs, queries: int) -> list[list[int]]:
    return [sorted(pairs.gallery[pairs.queries == query].tolist()) for query in range(queries)]
