from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_vehicles import TinyData
from parsed_page import ParsedPage
from report_example import EVALUATE, PARAMS, write_results

from pipeline.artifacts.features import Features
from pipeline.report.page import build_page
from pipeline.report.pictures import block_tints, view_bars
from pipeline.report.sources import Sources
from pipeline.report.views import view_pairs
from pipeline.retrieval.evaluation import evaluate_table
from pipeline.retrieval.output import write_evaluation
from pipeline.store.vocabulary import BLOCKS

MODELS = ["baseline", "<views>"]


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    """The tiny data set evaluated by two models, of which the second compares views apart."""
    copied = tiny_data.copy(tmp_path)
    write_results(copied)
    store = copied.store
    rows = store.test_rows()
    codes = np.unique(store.vehicle_ids[rows], return_inverse=True)[1]
    values = np.outer(codes, (1.0, 2.0, 3.0, 4.0)).astype(np.float32)
    ratios = np.tile(np.array([1, 0.5, 0, 0.5], np.float32), (len(rows), 1))
    features = Features(rows, values, ratios, "cpdm", (1, 1, 1, 1))
    evaluation = evaluate_table(store, features, replace(EVALUATE, group_by=None), torch.device("cpu"))
    write_evaluation(copied.path("metrics", MODELS[1]).parent, store, features, evaluation, 2, {})
    return copied


def test_a_right_and_a_wrong_answer_show_weight_and_distance_of_every_view(data: TinyData) -> None:
    found = view_pairs(Sources(data.root, data.name, MODELS), PARAMS)
    assert found is not None
    assert len(found.cards) == 2
    ((model, (right, wrong)),) = found.cards[0].pairs
    assert model == "<views>"
    assert (right.shot.right, wrong.shot.right) == (True, False)
    names = [bar.tint.name for bar in wrong.bars]
    assert names == ["whole", "front", "rear", "side"]
    assert [bar.percent for bar in wrong.bars] == pytest.approx([100 * 2 / 3, 100 / 6, 0, 100 / 6])
    assert [bar.distance for bar in wrong.bars] == [1, 2, 3, 4]
    assert [bar.length for bar in wrong.bars] == [25, 50, 75, 100]
    assert wrong.distance == pytest.approx(2 / 3 + 2 / 6 + 4 / 6)
    assert right.distance == 0


def test_the_page_has_the_section_where_a_model_compares_views_and_only_there(data: TinyData) -> None:
    page = build_page(data.root, [data.name], MODELS, PARAMS)
    assert '<section id="views">' in page
    assert page.count('class="pair"') == 2 * 2
    ParsedPage(page)
    assert view_pairs(Sources(data.root, data.name, MODELS[:1]), PARAMS) is None


def test_a_part_that_both_images_show_has_a_bar_of_its_own_name() -> None:
    weights, distances = (np.zeros(len(BLOCKS), np.float32) for _ in range(2))
    weights[[0, 3, BLOCKS.index("light_cover"), BLOCKS.index("wheel")]] = 0.4, 0.2, 0.3, 0.1
    distances[:] = np.arange(len(BLOCKS))
    bars = view_bars(weights, distances, longest=len(BLOCKS))
    assert [bar.tint.name for bar in bars] == ["whole", "front", "rear", "side", "light cover", "wheel"]
    assert [bar.percent for bar in bars] == pytest.approx([40, 0, 0, 20, 30, 10])
    assert bars[4].distance == BLOCKS.index("light_cover")
    assert len(view_bars(weights[:4])) == 4
    assert bars[4].tint.colour == block_tints(len(BLOCKS))[-1].colour
    assert [tint.name for tint in block_tints(4)] == ["front", "rear", "side", "whole vehicle"]
