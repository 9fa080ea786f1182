import numpy as np
from drawn_vehicles import TinyData

from pipeline.artifacts.features import Features, read_features
from pipeline.export.parity import Feed, Parity, Run, compare
from pipeline.retrieval.evaluation import EvaluateParams


def compared(run: TinyData, found: Features) -> Parity:
    expected, _ = read_features(run.path("features", "span_cpdm"), run.store.digest)
    params = run.workspace().load("evaluate", EvaluateParams)
    return compare(run.store, expected, Run(found.features, found.area_ratios, 1.0), params, tolerance=1e-4)


def features_of(run: TinyData) -> Features:
    return read_features(run.path("features", "span_cpdm"), run.store.digest)[0]


def test_the_pipelines_own_features_agree_in_everything(finished_run: TinyData) -> None:
    parity = compared(finished_run, features_of(finished_run))
    assert (parity.images, parity.greatest, parity.beyond, parity.ratios) == (4, 0, 0, 0)
    assert (parity.queries, parity.same_order, parity.depth) == (2, 2, 2)
    assert parity.mean_ap == parity.expected_ap


def test_a_wrong_feature_is_counted_and_changes_the_order(finished_run: TinyData) -> None:
    found = features_of(finished_run)
    queries = [0, 1]
    for place in queries:  # each query takes the feature of the image in the gallery it is farther from
        gallery = found.features[2:]
        farther = np.linalg.norm(gallery - found.features[place], axis=1).argmax()
        found.features[place], found.area_ratios[place] = gallery[farther], found.area_ratios[2 + farther]
    parity = compared(finished_run, found)
    assert parity.beyond == len(queries)
    assert parity.greatest > 1e-4
    assert parity.same_order < 2


def test_batches_hold_images_of_one_size_and_every_row_once(finished_run: TinyData) -> None:
    store = finished_run.store
    store.sizes[::2] = 5
    rows = np.arange(len(store))
    batches = list(Feed(store, {}, 0).batches(rows, 3))
    assert sorted(np.concatenate(batches)) == list(rows)
    assert [len(batch) for batch in batches] == [3, 1, 3, 1]
    assert all(len(np.unique(store.sizes[batch], axis=0)) == 1 for batch in batches)
