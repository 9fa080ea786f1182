from pathlib import Path

import numpy as np
import torch

from pipeline.store import params
from pipeline.store.vocabulary import VIEWPOINTS, VIEWS
from pipeline.views.labels import ImageLabels, labels_of
from pipeline.views.limits import MarginParams, MaxAreaParams
from pipeline.views.training import SpanTrainingParams

VEHICLES = ImageLabels(VIEWS, np.array(list(VIEWPOINTS.values()), bool), np.arange(5))
TABLE_1 = {
    "front": (1.0, 0.0, 0.0),
    "rear": (0.0, 1.0, 0.0),
    "side": (0.0, 0.0, 1.0),
    "front-side": (0.7, 0.0, 0.7),
    "rear-side": (0.0, 0.7, 0.7),
}
"""The supplement's table 1."""

DIGITS = labels_of("012", np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]], bool))
"""Images of 0 and 1, of 1 and 2, and of 2 alone."""


def test_the_projects_parameters_are_exactly_the_papers_tables() -> None:
    span = params.load(Path(__file__).parents[2] / "params.yaml", "train_span", SpanTrainingParams)
    areas, margins = span.max_area.table(VEHICLES), span.margins.matrix(VEHICLES)
    assert torch.equal(torch.from_numpy(areas), torch.tensor([TABLE_1[name] for name in VIEWPOINTS]))
    above = torch.from_numpy(margins)[torch.triu_indices(3, 3, 1).unbind()]
    assert torch.equal(above, torch.tensor([0.0, 0.04, 0.04])), "front-rear, front-side, rear-side: table 2"


def test_an_area_is_larger_for_a_label_alone_and_zero_for_one_not_carried() -> None:
    table = MaxAreaParams(alone=0.9, several=0.6, exceptions={}).table(DIGITS)
    expected = {(1, 1, 0): (0.6, 0.6, 0), (0, 1, 1): (0, 0.6, 0.6), (0, 0, 1): (0, 0, 0.9)}
    for members, areas in zip(DIGITS.sets.astype(int).tolist(), table, strict=True):
        assert np.allclose(areas, expected[tuple(members)])


def test_an_exception_speaks_of_its_own_set_in_whatever_order_alone() -> None:
    table = MaxAreaParams(0.9, 0.6, {"1-0": {"1": 0.5, "0": 0.2}}).table(DIGITS)
    row = DIGITS.sets.tolist().index([True, True, False])
    assert np.allclose(table[row], (0.2, 0.5, 0))
    assert np.allclose(np.delete(table, row, 0), np.delete(MaxAreaParams(0.9, 0.6, {}).table(DIGITS), row, 0))


def test_labels_that_no_image_carries_together_have_a_margin_of_their_own() -> None:
    matrix = MarginParams(together=0.04, apart=0.01, exceptions={}).matrix(DIGITS)
    assert np.allclose(matrix[[0, 1, 0], [1, 2, 2]], (0.04, 0.04, 0.01))


def test_an_exceptional_pair_has_its_margin_in_whatever_order() -> None:
    for pair in ("0-2", "2-0"):
        matrix = MarginParams(0.04, 0.01, {pair: 0.3}).matrix(DIGITS)
        assert np.allclose(matrix[[0, 1, 0], [1, 2, 2]], (0.04, 0.04, 0.3))
