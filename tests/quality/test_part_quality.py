import numpy as np
import pytest

from pipeline.artifacts.parts import Detections
from pipeline.quality.parts import (
    CLASS_COLUMNS,
    COCO_IOUS,
    average_precisions,
    measure_parts,
    recall_ceiling,
    top_recall,
)
from pipeline.store.boxes import PartBoxes
from pipeline.store.vocabulary import PART_CLASSES

WHEEL, PLATE, SIGN = (PART_CLASSES.index(name) for name in ("wheel", "plate", "newer_sign"))
LEFT, RIGHT, FAR = (0.0, 0.0, 0.2, 0.2), (0.5, 0.0, 0.7, 0.2), (0.8, 0.8, 1.0, 1.0)
Item = tuple[tuple[float, float, float, float], int]


def truth(*items: Item) -> PartBoxes:
    boxes = np.array([box for box, _ in items], np.float32).reshape(-1, 4)
    return PartBoxes(boxes, np.array([label for _, label in items], np.uint8))


def found(*images: list[tuple[tuple[float, float, float, float], int, float]]) -> Detections:
    return Detections(
        np.array([[box for box, _, _ in image] for image in images], np.float32),
        np.array([[label for _, label, _ in image] for image in images], np.uint8),
        np.array([[score for _, _, score in image] for image in images], np.float32),
    )


def test_perfect_boxes_score_one_at_every_threshold() -> None:
    detections = found([(LEFT, WHEEL, 0.9), (RIGHT, PLATE, 0.8)])
    precisions = average_precisions(detections, [truth((LEFT, WHEEL), (RIGHT, PLATE))], COCO_IOUS)
    assert set(precisions) == {"wheel", "plate"}
    for values in precisions.values():
        np.testing.assert_array_equal(values, np.ones(10))


def test_average_precision_matches_the_answer_worked_by_hand() -> None:
    # ranked by score over both images: right, wrong, right; three wheels in all, so recall 1/3, 1/3, 2/3
    # precision envelope: 1 up to recall 1/3 (levels 0 to 0.33: 34), 2/3 up to 2/3 (0.34 to 0.66: 33), then 0
    detections = found(
        [(LEFT, WHEEL, 0.9), (RIGHT, WHEEL, 0.3)],
        [(FAR, WHEEL, 0.5), (RIGHT, PLATE, 0.2)],
    )
    truths = [truth((LEFT, WHEEL), (RIGHT, WHEEL)), truth((LEFT, WHEEL))]
    values = average_precisions(detections, truths, [0.5])["wheel"]
    assert values[0] == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)


def test_a_second_box_on_the_same_part_is_wrong() -> None:
    detections = found([(LEFT, WHEEL, 0.9), (LEFT, WHEEL, 0.8), (RIGHT, WHEEL, 0.7)])
    values = average_precisions(detections, [truth((LEFT, WHEEL), (RIGHT, WHEEL))], [0.5])["wheel"]
    assert values[0] == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)


def test_a_box_of_another_class_earns_nothing() -> None:
    detections = found([(LEFT, PLATE, 0.9)])
    precisions = average_precisions(detections, [truth((LEFT, WHEEL))], [0.5])
    assert precisions == {"wheel": np.array([0.0])}


def test_loose_boxes_count_at_low_thresholds_only() -> None:
    shifted = (0.05, 0.0, 0.25, 0.2)  # IoU 0.15 / 0.25 = 0.6 with LEFT
    values = average_precisions(found([(shifted, WHEEL, 0.9)]), [truth((LEFT, WHEEL))], (0.5, 0.55, 0.65))["wheel"]
    np.testing.assert_array_equal(values, [1, 1, 0])


def test_top_recall_ignores_labels_and_boxes_beyond_d() -> None:
    boxes = found([(LEFT, PLATE, 0.9), (FAR, PLATE, 0.8), (RIGHT, WHEEL, 0.7)]).boxes
    truths = [truth((LEFT, WHEEL), (RIGHT, WHEEL))]
    assert top_recall(boxes, truths, 2) == 0.5
    assert top_recall(boxes, truths, 3) == 1.0
    assert top_recall(boxes, truths, 0) == 0.0


def test_the_ceiling_counts_parts_beyond_d_as_lost() -> None:
    assert recall_ceiling([truth(*[(LEFT, WHEEL)] * 10), truth((LEFT, WHEEL)), truth()], 8) == pytest.approx(9 / 11)


def test_every_figure_is_given_of_all_parts_and_of_each_class() -> None:
    detections = found([(LEFT, WHEEL, 0.9), (FAR, PLATE, 0.8)])
    metrics, classes = measure_parts(detections, [truth((LEFT, WHEEL), (RIGHT, PLATE))], 8, ["hanging"])
    assert metrics == {
        "images": 1,
        "parts": 2,
        "ap50": 0.5,
        "ap": 0.5,
        "d": 8,
        "recall_top_d": 0.5,
        "recall_top_d_ceiling": 1.0,
    }
    plate, wheel = (
        {"part": name, "parts": 1, "ap50": value, "ap": value, "recall_top_d": value}
        for name, value in (("plate", 0.0), ("wheel", 1.0))
    )
    assert classes == [plate, wheel]
    assert tuple(wheel) == CLASS_COLUMNS


def test_identifying_parts_have_a_recall_and_a_ceiling_of_their_own() -> None:
    detections = found([(LEFT, WHEEL, 0.9), (RIGHT, WHEEL, 0.8)], [(LEFT, WHEEL, 0.9), (FAR, PLATE, 0.8)])
    truths = [truth((LEFT, WHEEL), (RIGHT, SIGN)), truth((RIGHT, SIGN), (FAR, SIGN), (LEFT, SIGN))]
    metrics, classes = measure_parts(detections, truths, 2, ["newer_sign", "hanging"])
    assert metrics["identifying_parts"] == 4
    assert metrics["recall_top_d_identifying"] == 3 / 4
    assert metrics["recall_top_d_identifying_ceiling"] == 3 / 4, "2 boxes cover 1 of the first image's and 2 of 3"
    assert metrics["recall_top_d"] == 4 / 5
    assert {line["part"]: (line["parts"], line["recall_top_d"]) for line in classes} == {
        "newer_sign": (4, 3 / 4),
        "wheel": (1, 1.0),
    }


def test_measuring_nothing_or_unequal_numbers_is_refused() -> None:
    detections = found([(LEFT, WHEEL, 0.9)])
    with pytest.raises(ValueError, match="none of the 1 images"):
        measure_parts(detections, [truth()], 8, [])
    with pytest.raises(ValueError, match="expected detections of 2 images, got those of 1"):
        measure_parts(detections, [truth((LEFT, WHEEL)), truth()], 8, [])
