"""Average precision held against that of an independent COCO evaluator, `faster-coco-eval`."""

from typing import Any

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.artifacts.parts import Detections
from pipeline.quality.parts import COCO_IOUS, average_precisions, measure_parts
from pipeline.store.boxes import PartBoxes
from pipeline.store.vocabulary import PART_CLASSES

CLASSES = 3
"""How many of the classes occur in the problems: few, so that boxes of one class meet."""


LEFT, RIGHT, BETWEEN = (0.0, 0.0, 0.5, 0.5), (0.25, 0.0, 0.75, 0.5), (0.125, 0.0, 0.625, 0.5)


@st.composite
def boxes(draw: st.DrawFn, count: int) -> NDArray[np.float32]:
    """Boxes `(count, 4)` of which many overlap others equally or by a threshold exactly, and others by any share."""
    in_a_row = st.tuples(st.integers(0, 4), st.just(0), st.just(4), st.just(4))
    on_a_grid = st.tuples(*(st.integers(0, 3) for _ in range(2)), *(st.integers(1, 4) for _ in range(2)))
    moved = st.tuples(*(st.floats(0.25, 3.75, width=32) for _ in range(4)))
    drawn = draw(st.lists(draw(st.sampled_from((in_a_row, on_a_grid, moved))), min_size=count, max_size=count))
    left_top_size = np.array(drawn, np.float32).reshape(-1, 4)
    return np.concatenate([left_top_size[:, :2], left_top_size[:, :2] + left_top_size[:, 2:]], axis=1) / 8


@st.composite
def problems(draw: st.DrawFn) -> tuple[Detections, list[PartBoxes]]:
    """Up to 5 images of up to 6 detections, and their parts; scores are often equal, some images have no part."""
    images, found = draw(st.integers(1, 5)), draw(st.integers(0, 6))
    truths = []
    for number in range(images):
        parts = draw(st.integers(1 if number == 0 else 0, 5))
        truths.append(PartBoxes(draw(boxes(parts)), draw(labels(parts))))
    scores = st.lists(st.sampled_from((0.1, 0.5, 0.9)), min_size=found, max_size=found)
    detections = Detections(
        np.stack([draw(boxes(found)) for _ in range(images)]),
        np.stack([draw(labels(found)) for _ in range(images)]),
        np.array([sorted(draw(scores), reverse=True) for _ in range(images)], np.float32),
    )
    return detections, truths


def labels(count: int) -> st.SearchStrategy[NDArray[np.uint8]]:
    listed = st.lists(st.integers(0, CLASSES - 1), min_size=count, max_size=count)
    return listed.map(lambda values: np.array(values, np.uint8))


def annotations(boxes: NDArray[np.float32], labels: NDArray[np.uint8], image: int) -> list[dict[str, Any]]:
    xyxy = boxes.astype(float)
    xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
    return [
        {"image_id": image, "category_id": int(label), "bbox": list(box), "area": float(box[2] * box[3]), "iscrowd": 0}
        for box, label in zip(xywh, labels, strict=True)
    ]


def by_coco(found: Detections, truths: list[PartBoxes]) -> dict[str, NDArray[np.float64]]:
    """What COCO's evaluation makes of the same problem: class -> average precision at each of `COCO_IOUS`."""
    true = [a for image, t in enumerate(truths) for a in annotations(t.boxes, t.labels, image)]
    told = [
        {**annotation, "score": float(score)}
        for image, scores in enumerate(found.scores)
        for annotation, score in zip(annotations(found.boxes[image], found.labels[image], image), scores, strict=True)
    ]
    about = {
        "images": [{"id": image, "width": 1, "height": 1} for image in range(len(truths))],
        "categories": [{"id": label, "name": name} for label, name in enumerate(PART_CLASSES)],
    }
    told, true = ([{**one, "id": number} for number, one in enumerate(many, 1)] for many in (told, true))
    evaluation = COCOeval_faster(COCO({**about, "annotations": true}), COCO({**about, "annotations": told}), "bbox")
    evaluation.params.maxDets = [max(1, found.scores.shape[1])]
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 0]  # over areas of any size: (thresholds, recalls, classes)
    occurring = [label for label in range(len(PART_CLASSES)) if (precision[:, :, label] >= 0).all()]
    return {PART_CLASSES[label]: precision[:, :, label].mean(axis=1) for label in occurring}


@settings(max_examples=60, deadline=None)
@given(problems())
def test_average_precision_equals_coco_s(problem: tuple[Detections, list[PartBoxes]]) -> None:
    # equal scores rank as COCO's stable sort leaves them: in the order of the images, then of an image's detections
    expected = by_coco(*problem)
    precisions = average_precisions(*problem, COCO_IOUS)
    assert precisions.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(precisions[name], values, atol=1e-6, err_msg=name)
    measured, _ = measure_parts(*problem, 8, [])
    for key, by_class in {"ap50": {n: v[0] for n, v in expected.items()}, "ap": expected}.items():
        np.testing.assert_allclose(measured[key], np.mean(list(by_class.values())), atol=1e-6)


@pytest.mark.parametrize("second", [LEFT, RIGHT])
def test_a_box_between_two_parts_takes_the_same_as_in_coco(second: tuple[float, ...]) -> None:
    boxes = np.array([[BETWEEN, second]], np.float32)
    found = Detections(boxes, np.zeros((1, 2), np.uint8), np.array([[0.9, 0.8]], np.float32))
    truths = [PartBoxes(np.array([LEFT, RIGHT], np.float32), np.zeros(2, np.uint8))]
    (expected,), (values,) = by_coco(found, truths).values(), average_precisions(found, truths, COCO_IOUS).values()
    np.testing.assert_allclose(values, expected, atol=1e-6)
