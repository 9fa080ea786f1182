from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ablation_example import TABLE, made_up

from pipeline.ablations.results import ALIKE, excludes_zero, result_of
from pipeline.ablations.rows import Published, Row
from pipeline.ablations.text import conditions
from pipeline.retrieval.summary import BootstrapParams

EXPERIMENT: Any = SimpleNamespace(
    workspace=SimpleNamespace(dataset="tiny"),
    evaluation=SimpleNamespace(bootstrap=BootstrapParams(samples=200, seed=0)),
    share=0.0,
)


def test_a_row_has_mean_and_deviation_over_seeds_and_its_difference_to_the_reference() -> None:
    runs = {"Plain": [made_up("baseline", 0, 0.0), made_up("baseline", 1, 0.1)]}
    runs["Parts"] = [made_up("span_cpdm", 0, 0.1), made_up("span_cpdm", 1, 0.1)]
    found = result_of(TABLE, EXPERIMENT, runs, {})
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
    runs = {"Plain": [made_up("baseline", 0, 0.02)], "Parts": [made_up("span_cpdm", 0, 0.0)]}
    (reversal,) = result_of(TABLE, EXPERIMENT, runs, {}).reversals
    assert (reversal.better.model, reversal.worse.model) == ("span_cpdm", "baseline")
    assert reversal.published == pytest.approx(3.6)
    assert reversal.ours.mean == pytest.approx(-0.02)
    assert excludes_zero(reversal.ours)


def test_figures_of_two_papers_are_not_compared_and_rank_1_stands_in_where_there_is_no_map() -> None:
    plain, parts = TABLE.rows
    runs = {"Plain": [made_up("baseline", 0, 0.1)], "Parts": [made_up("span_cpdm", 0, 0.0)]}
    other = replace(TABLE, rows=(plain, replace(parts, source="another paper")))
    assert result_of(other, EXPERIMENT, runs, {}).pairs == 0
    ranks = [{"vric": Published(None, 76.1)}, {"vric": Published(None, 78.0)}]
    rows = tuple(replace(row, published=published) for row, published in zip(TABLE.rows, ranks, strict=True))
    (reversal,) = result_of(replace(TABLE, rows=rows), EXPERIMENT, runs, {}).reversals
    assert reversal.measure == "rank-1"


def test_look_alikes_are_shown_where_every_run_has_them() -> None:
    runs = {"Plain": [made_up("baseline", 0, 0, alike={"mAP": 0.4})]}
    runs["Parts"] = [made_up("span_cpdm", 0, 0, alike={"mAP": None})]
    plain, parts = result_of(TABLE, EXPERIMENT, runs, {}).outcomes
    assert plain.figures[ALIKE].mean == 0.4
    assert ALIKE not in parts.figures


def test_queries_are_counted_by_the_draw() -> None:
    run = made_up("baseline", 0, 0, draws={"count": 3})
    found = result_of(TABLE, EXPERIMENT, {"Plain": [run], "Parts": [made_up("span_cpdm", 0, 0)]}, {})
    assert (found.queries, found.draws) == (12, 3)
    assert "tiny, 12 queries of 12 vehicles in each of 3 draws, seed 0." in conditions(found)
    assert "12 queries of 12 vehicles, seed 0." in conditions(replace(found, draws=1))


def test_runs_that_asked_other_queries_are_refused() -> None:
    run = made_up("span_cpdm", 0, 0)
    runs = {"Plain": [made_up("baseline", 0, 0)], "Parts": [replace(run, queries=run.queries[::-1])]}
    with pytest.raises(ValueError, match="span_cpdm, seed 0: its queries are not those of baseline"):
        result_of(TABLE, EXPERIMENT, runs, {})


def test_a_table_names_a_model_once_and_compares_with_a_row_of_its_own() -> None:
    with pytest.raises(ValueError, match="table tiny: rows need labels of their own, one of them 'Fused'"):
        replace(TABLE, reference="Fused")
    with pytest.raises(ValueError, match="table tiny: rows need labels of their own"):
        replace(TABLE, rows=(*TABLE.rows, Row("Parts", "fused")))
    with pytest.raises(ValueError, match="table tiny: two rows stand for one model with the same changes"):
        replace(TABLE, rows=(*TABLE.rows, Row("Again", "span_cpdm")))
    with pytest.raises(ValueError, match="a row may change train_span, predict_part_masks, got 'grabcut'"):
        replace(TABLE, rows=(*TABLE.rows, Row("Seeds", "span_cpdm", upstream={"grabcut": {}})))


def test_rows_may_share_a_model_where_each_trains_a_span_of_its_own_and_their_masks_are_figures_over_seeds() -> None:
    changed = Row("Other masks", "span_cpdm", upstream={"train_span": {}})
    runs = {"Plain": [made_up("baseline", 0, 0.0)], "Parts": [made_up("span_cpdm", 0, 0.1)]}
    runs["Other masks"] = [made_up("span_cpdm", 0, 0.2)]
    masks = {"Other masks": [{"IoU": 0.4, "seen once": 1.0}, {"IoU": 0.6}]}
    *_, parts, other = result_of(replace(TABLE, rows=(*TABLE.rows, changed)), EXPERIMENT, runs, masks).outcomes
    assert parts.masks == {}
    assert other.figures["mAP"].mean == pytest.approx(0.7)
    assert {name: figure.mean for name, figure in other.masks.items()} == {"IoU": pytest.approx(0.5)}
