from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ablation_example import SPANS, result
from drawn_vehicles import HEIGHT, WIDTH, TinyData, true_labels
from tiny_run import write_params

from pipeline.ablations.experiment import open_experiment
from pipeline.ablations.mask_quality import IOU, VIEWPOINT, measure_masks
from pipeline.ablations.page import write_result
from pipeline.ablations.pictures import mask_sheet
from pipeline.ablations.results import spread
from pipeline.artifacts.truth import Truth, write_truth
from pipeline.artifacts.views import write_views


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    copy = tiny_data.copy(tmp_path / "data")
    write_params(copy.root)
    return copy


def write_masks(data: TinyData, path: Path, swapped: bool = False) -> Path:
    """Write the true views as part masks of every image; swapped, the front's mask as the side's and the reverse."""
    labels = np.zeros((WIDTH, WIDTH), np.uint8)
    labels[:HEIGHT] = true_labels()
    labels = labels[np.arange(WIDTH) * HEIGHT // WIDTH]
    masks = np.stack([np.where(labels == view, 255, 0) for view in ((3, 2, 1) if swapped else (1, 2, 3))])
    batch = np.repeat(masks[None].astype(np.uint8), len(data.store), 0)
    write_views(path, data.store.digest, len(batch), WIDTH, [batch], {})
    return path


def test_true_masks_score_1_and_swapped_ones_0_and_viewpoints_are_read_off_both(data: TinyData, tmp_path: Path) -> None:
    experiment = open_experiment(data.workspace(), 0.0)
    right = measure_masks(experiment, write_masks(data, tmp_path / "right.h5"))
    assert right.keys() == {"IoU, front", "IoU, side", IOU, VIEWPOINT}
    assert right[IOU] > 0.95
    assert right[VIEWPOINT] == 1
    wrong = measure_masks(experiment, write_masks(data, tmp_path / "wrong.h5", swapped=True))
    assert wrong[IOU] < 0.05


def test_where_no_view_is_known_viewpoints_alone_are_measured(data: TinyData, tmp_path: Path) -> None:
    write_truth(data.path("truth"), data.store, None)
    experiment = open_experiment(data.workspace(), 0.0)
    assert measure_masks(experiment, write_masks(data, tmp_path / "m.h5")).keys() == {VIEWPOINT}
    sheet = mask_sheet(experiment, {"ours": [tmp_path / "m.h5"]})
    assert sheet is not None
    assert list(sheet.heads) == ["photograph", "ours"]


def test_of_vehicles_held_out_those_are_measured_and_shown(data: TinyData, tmp_path: Path) -> None:
    write_params(data.root, evaluate={"protocol": "every_camera"})
    experiment = open_experiment(data.workspace(), 0.5)
    (row, *_) = [row for row in experiment.split.embedded.tolist() if data.store.viewpoints[row] >= 0]
    masks = write_masks(data, tmp_path / "m.h5")
    assert IOU in measure_masks(experiment, masks)
    write_truth(data.path("truth"), data.store, Truth({}, None, complete=True))
    assert IOU not in measure_masks(experiment, masks)
    sheet = mask_sheet(experiment, {"ours": [masks]})
    assert sheet is not None
    assert data.store.splits[row] == "train"
    assert len(sheet.rows) == 1


def test_the_page_shows_the_same_images_under_every_rows_masks_and_the_document_their_figures(
    data: TinyData, tmp_path: Path
) -> None:
    experiment = open_experiment(data.workspace(), 0.0)
    files = {"all": [write_masks(data, tmp_path / "a.h5")], "none": [write_masks(data, tmp_path / "b.h5", True)]}
    sheet = mask_sheet(experiment, files)
    assert sheet is not None
    assert list(sheet.heads) == ["photograph", "all", "none", "true views"]
    assert all(len(row.cells) == 4 for row in sheet.rows)
    assert [row.title for row in sheet.rows] == ["front-side"]
    *_, page = write_result(result(), sheet, tmp_path / "docs", tmp_path / "pages")
    assert page.read_text().count("<img") == 4 * len(sheet.rows)
    assert mask_sheet(experiment, {}) is None


def test_masks_are_a_table_of_their_own_and_a_sweep_charts_them(tmp_path: Path) -> None:
    found = result()
    outcomes = [
        replace(outcome, masks={IOU: spread([0.5, 0.7])}, row=replace(row, value=outcome.row.value))
        for outcome, row in zip(found.outcomes, SPANS.rows[1:], strict=True)
    ]
    found = replace(found, table=SPANS, outcomes=outcomes)
    document, chart, of_masks, page = write_result(found, None, tmp_path, tmp_path)
    text = document.read_text()
    assert f"| part masks of | {IOU} |" in text
    assert "| no area | 60.0 ± 14.1 |" in text
    assert "- no area: train_span.weights.area is 0.0." in text
    assert (chart.name, of_masks.name) == ("spans.svg", "spans_masks.svg")
    assert "](spans_masks.svg)" in text
    assert IOU in of_masks.read_text()
    assert page.read_text().count("<svg") == 2
