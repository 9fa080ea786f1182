import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from drawn_vehicles import TinyData, true_labels

from pipeline.artifacts.truth import open_truth
from pipeline.foreground.trained_on import read_removed_rows
from pipeline.parts.trained_on import read_trained_images
from pipeline.quality.artifacts import (
    Artifacts,
    QualityParams,
    distinct,
    mask_columns,
    measure,
    measured_rows,
    open_artifacts,
    summarise_masks,
    summarise_views,
)
from pipeline.store import hdf5, hdf5_writer
from pipeline.store.images import ImageStore
from pipeline.views.trained_on import read_trained_table

PARAMS = QualityParams(parts=2, identifying=("plate",), spill_margin=0.0, bad_seed_iou=0.7, viewpoint_share=0.2)


def measured(data: TinyData, artifacts: Artifacts | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    seen, table = read_trained_images(data.weights("detector")), read_trained_table(data.weights("span"))
    removed = read_removed_rows(data.weights("foreground_network"))
    return measure(artifacts or open_artifacts(data.path), seen, table, removed, PARAMS)


def truth_with(path: Path, store: ImageStore, rows: list[int], complete: bool) -> hdf5.Cache:
    """Ground truth that knows `rows` alone; where incomplete, only the upper half of each view is labelled."""
    labels = true_labels()
    if not complete:
        labels[30:] = 0
    encoded = cv2.imencode(".png", labels)[1].ravel()
    known = np.isin(np.arange(len(store)), rows)
    header = hdf5.Header("truth/1", store.digest, notes={"views": bool(rows), "complete": complete})
    with hdf5_writer.create(path, header) as cache:
        cache.array("view_labels", np.tile(encoded, len(rows)))
        cache.array("view_labels_offsets", np.concatenate([[0], np.cumsum(known * len(encoded))]))
    return open_truth(path, store.digest)


def test_exact_masks_score_one_and_a_seed_that_lacks_a_third_scores_two_thirds(tiny_data: TinyData) -> None:
    metrics, _ = measured(tiny_data)
    assert metrics["foreground"]["iou_mean"] == pytest.approx(1, abs=0.02)
    assert metrics["grabcut"]["iou_mean"] == pytest.approx(2 / 3, abs=0.02)
    assert metrics["grabcut"]["failed"] == 0
    assert metrics["part_masks"]["iou_mean"] == pytest.approx(1, abs=0.04)
    assert "iou_rear" not in metrics["part_masks"]  # no measured image shows a rear
    assert metrics["viewpoint"] == {"accuracy": 1.0, "images": 4}


def test_exact_boxes_have_full_precision_and_two_boxes_recall_two_of_three_parts(tiny_data: TinyData) -> None:
    metrics, classes = measured(tiny_data)
    assert metrics["parts"]["ap50"] == pytest.approx(1)
    assert metrics["parts"]["recall_top_d"] == pytest.approx(2 / 3)
    assert metrics["parts"]["d"] == 2
    assert metrics["parts"]["identifying_parts"] == 4
    assert metrics["parts"]["recall_top_d_identifying"] == 0
    assert {row["part"]: row["recall_top_d"] for row in classes} == {"plate": 0, "wheel": 1}


def test_boxes_and_viewpoints_are_measured_on_images_no_network_was_trained_on(tiny_data: TinyData) -> None:
    metrics, _ = measured(tiny_data)
    assert metrics["parts"]["images"] == 4
    elsewhere, _ = measure(open_artifacts(tiny_data.path), [], "another", np.zeros(0, np.int64), PARAMS)
    assert elsewhere["parts"]["images"] == 8
    assert elsewhere["viewpoint"]["images"] == 7  # one image has no viewpoint


def test_masks_are_measured_on_query_and_gallery_where_those_are_known_else_wherever(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    store = tiny_data.store
    assert measured_rows(store, truth_with(tmp_path / "a.h5", store, [0, 4, 7], True)).tolist() == [4, 7]
    assert measured_rows(store, truth_with(tmp_path / "b.h5", store, [0, 2], True)).tolist() == [0, 2]
    assert measured_rows(store, truth_with(tmp_path / "c.h5", store, [], True)).tolist() == []


def test_an_image_that_is_query_and_gallery_counts_once() -> None:
    store = cast(ImageStore, SimpleNamespace(image_digests=np.array(["b", "a", "b", "c", "a"])))
    assert distinct(store, np.array([0, 1, 2, 3, 4])).tolist() == [0, 1, 3]
    assert distinct(store, np.array([2, 3, 4])).tolist() == [2, 3, 4]


def test_without_ground_truth_nothing_is_made_up(tiny_data: TinyData, tmp_path: Path) -> None:
    store = tiny_data.store
    store.annotated[:], store.viewpoints[:] = False, -1
    blind = replace(
        open_artifacts(tiny_data.path), store=store, truth=truth_with(tmp_path / "none.h5", store, [], False)
    )
    metrics, classes = measured(tiny_data, blind)
    assert metrics == {"grabcut": {"failed": 0, "failed_of": 8}}
    assert classes == []


def test_incomplete_truth_gives_coverage_and_spill_and_never_an_overlap(tiny_data: TinyData, tmp_path: Path) -> None:
    truth = truth_with(tmp_path / "parts.h5", tiny_data.store, [4, 5], complete=False)
    metrics, _ = measured(tiny_data, replace(open_artifacts(tiny_data.path), truth=truth))
    assert metrics["grabcut"]["coverage_mean"] == pytest.approx(2 / 3, abs=0.02)
    assert metrics["foreground"]["coverage_mean"] == pytest.approx(1, abs=0.02)
    assert metrics["foreground"]["spill_mean"] == pytest.approx(0.5, abs=0.04)  # its lower half is outside the hull
    assert metrics["part_masks"]["labelled_iou_front"] == pytest.approx(1, abs=0.04)
    assert not [name for group in ("grabcut", "foreground") for name in metrics[group] if "iou" in name]
    assert "removed_seeds" not in metrics


def test_undefined_values_stay_out_of_means_and_the_result_is_json(tiny_data: TinyData) -> None:
    columns = {"iou_front": np.array([0.5, np.nan]), "iou_rear": np.full(2, np.nan), "iou_side": np.array([0.2, 0.4])}
    assert summarise_views(columns) == pytest.approx({"iou_front": 0.5, "iou_side": 0.3, "iou_mean": 0.4, "images": 2})
    assert summarise_masks({"iou": np.array([np.nan, 0.25])}) == {"iou_mean": 0.25, "iou_median": 0.25, "images": 2}
    assert summarise_views({}) == {}
    json.dumps(measured(tiny_data)[0], allow_nan=False)


def test_every_measured_row_gets_one_value_a_measure(tiny_data: TinyData) -> None:
    columns = mask_columns(open_artifacts(tiny_data.path), np.array([4, 6]), margin=0.0)
    assert columns["grabcut"]["iou"].shape == (2,)
    assert np.isnan(columns["part_masks"]["iou_rear"]).all()


@pytest.mark.parametrize("kind", ["truth", "grabcut", "foreground", "parts", "part_masks"])
def test_a_file_that_is_missing_or_of_another_kind_is_refused(tiny_data: TinyData, tmp_path: Path, kind: str) -> None:
    def elsewhere(name: str) -> Path:
        return tmp_path / "other.h5" if name == kind else tiny_data.path(name)

    with pytest.raises(FileNotFoundError, match=r"other\.h5"):
        open_artifacts(elsewhere)
    (tmp_path / "other.h5").write_bytes(tiny_data.path("images").read_bytes())
    with pytest.raises(ValueError, match=f"other\\.h5: expected a file of kind '{kind}/1', got 'images/2'"):
        open_artifacts(elsewhere)
