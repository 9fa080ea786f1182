from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ablation_example import TABLE, made_up

from pipeline.ablations.results import ALIKE, excludes_zero, result_of
from pipeline.ablations.tables import Published, Row
from pipeline.retrieval.summary import BootstrapParams

EXPERIMENT: Any = SimpleNamespace(
    workspace=SimpleNamespace(dataset="tiny"),
    evaluation=SimpleNamespace(bootstrap=BootstrapParams(samples=200, seed=0)),
    share=0.0,
)


def test_a_row_has_mean_and_deviation_over_seeds_and_its_difference_to_the_reference() -> None:
    runs = {"baseline": [made_up("baseline", 0, 0.0), made_up("baseline", 1, 0.1)]}
    runs["span_cpdm"] = [made_up("span_cpdm", 0, 0.1), made_up("span_cpdm", 1, 0.1)]
    found = result_of(TABLE, EXPERIMENT, runs)
    plain, parts = found.outcomes
    assert plain.difference is None
    assert plain.figures["mAP"].mean == pytest.approx(0.55)
    assert plain.figures["mAP"].deviation == pytest.approx(0.1 / np.sqrt(2))
    assert parts.difference is not None
    assert parts.difference.mean == pytest.approx(0.05)
    assert excludes_zero(parts.difference)
    assert (found.seeds, found.queries, found.vehicles) == ([0, 1], 36, 12)
    assert (found.pairs, found.reversals) == (1, [])
    assert ALIKE not in plain.figures


def test_rows_in_another_order_than_the_papers_are_named_with_their_interval() -> None:
    runs = {"baseline": [made_up("baseline", 0, 0.02)], "span_cpdm": [made_up("span_cpdm", 0, 0.0)]}
    (reversal,) = result_of(TABLE, EXPERIMENT, runs).reversals
    assert (reversal.better.model, reversal.worse.model) == ("span_cpdm", "baseline")
    assert reversal.published == pytest.approx(3.6)
    assert reversal.ours.mean == pytest.approx(-0.02)
    assert excludes_zero(reversal.ours)


def test_figures_of_two_papers_are_not_compared_and_rank_1_stands_in_where_there_is_no_map() -> None:
    plain, parts = TABLE.rows
    runs = {"baseline": [made_up("baseline", 0, 0.1)], "span_cpdm": [made_up("span_cpdm", 0, 0.0)]}
    other = replace(TABLE, rows=(plain, replace(parts, source="another paper")))
    assert result_of(other, EXPERIMENT, runs).pairs == 0
    ranks = [{"vric": Published(None, 76.1)}, {"vric": Published(None, 78.0)}]
    rows = tuple(replace(row, published=published) for row, published in zip(TABLE.rows, ranks, strict=True))
    (reversal,) = result_of(replace(TABLE, rows=rows), EXPERIMENT, runs).reversals
    assert reversal.measure == "rank-1"


def test_look_alikes_are_shown_where_every_run_has_them() -> None:
    runs = {"baseline": [made_up("baseline", 0, 0, alike={"mAP": 0.4})]}
    runs["span_cpdm"] = [made_up("span_cpdm", 0, 0, alike={"mAP": None})]
    plain, parts = result_of(TABLE, EXPERIMENT, runs).outcomes
    assert plain.figures[ALIKE].mean == 0.4
    assert ALIKE not in parts.figures


def test_runs_that_asked_other_queries_are_refused() -> None:
    run = made_up("span_cpdm", 0, 0)
    runs = {"baseline": [made_up("baseline", 0, 0)], "span_cpdm": [replace(run, queries=run.queries[::-1])]}
    with pytest.raises(ValueError, match="span_cpdm, seed 0: its queries are not those of baseline"):
        result_of(TABLE, EXPERIMENT, runs)


def test_a_table_names_a_model_once_and_compares_with_one_of_its_own() -> None:
    with pytest.raises(ValueError, match="table tiny: rows need models of their own, one of them 'fused'"):
        replace(TABLE, reference="fused")
    with pytest.raises(ValueError, match="table tiny"):
        replace(TABLE, rows=(*TABLE.rows, Row("Again", "span_cpdm")))
