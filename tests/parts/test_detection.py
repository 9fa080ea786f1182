import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME
from numpy.typing import NDArray
from torchvision.models.detection.ssd import SSD

from pipeline.artifacts.parts import Detections, no_parts
from pipeline.maps.columns import joined
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.runtime import start
from pipeline.parts.detection import PartDetectionParams, detect, fill_up, most_confident
from pipeline.parts.network import DetectorNetworkParams, ResnetSsdParams, build_detector
from pipeline.store.params import build
from pipeline.store.resizing import resize
from pipeline.store.vocabulary import PART_CLASSES

DETECTION = PartDetectionParams(max_parts=6, nms_iou=0.45, candidates=20, class_factors={}, batch_size=2)
NETWORK = DetectorNetworkParams("ssd_resnet", ResnetSsdParams(32, "resnet10_narrow", 4, (1, 2), 8, (0.1, 0.3, 0.6), ()))


class Pictures:
    """Five pictures of noise, in place of an image store."""

    def __len__(self) -> int:
        return 5

    def image(self, row: int) -> NDArray[np.uint8]:
        return np.random.default_rng(row).integers(0, 256, (20, 30 + row, 3), dtype=np.uint8)


def kept(items: Sequence[tuple[tuple[float, float, float, float], int, float]], **changes: Any) -> Detections:
    """What `most_confident` keeps of `(box, label, score)` candidates."""
    boxes = torch.tensor([box for box, _, _ in items]).reshape(-1, 4)
    labels, scores = torch.tensor([label for _, label, _ in items]), torch.tensor([score for _, _, score in items])
    return most_confident(boxes, labels, scores, dataclasses.replace(DETECTION, **changes))


def run(detector: SSD, detection: PartDetectionParams = DETECTION) -> Detections:
    return Detections(**joined(detect(detector, Pictures(), detection, RUNTIME, start(RUNTIME))))


def fresh_detector() -> SSD:
    torch.manual_seed(0)
    return build_detector(NETWORK, PretrainedParams(None)).to(memory_format=torch.channels_last).eval()


def test_every_image_gets_exactly_max_parts_valid_boxes_by_falling_score() -> None:
    found = run(fresh_detector())
    assert found.boxes.shape == (5, 6, 4)
    assert found.boxes.dtype == np.float32
    assert found.boxes.min() >= 0
    assert found.boxes.max() <= 1
    assert (found.boxes[..., 2:] > found.boxes[..., :2]).all()
    assert (np.diff(found.scores, axis=1) <= 0).all()
    assert (found.scores > 0).all()
    assert found.labels.max() < len(PART_CLASSES)


def test_boxes_do_not_depend_on_the_batch() -> None:
    one, all_at_once = (run(fresh_detector(), dataclasses.replace(DETECTION, batch_size=size)) for size in (1, 5))
    np.testing.assert_allclose(one.boxes, all_at_once.boxes, atol=1e-5)


def test_boxes_are_those_of_torchvision_s_own_post_processing() -> None:
    detector = fresh_detector()
    detector.score_thresh, detector.nms_thresh, detector.topk_candidates, detector.detections_per_img = 0, 0.45, 999, 6
    images = torch.from_numpy(np.stack([resize(Pictures().image(row), 32, 32) for row in range(5)])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = detector(list(images.float() / 255))
    found = run(detector)
    for row in range(5):
        np.testing.assert_allclose(found.boxes[row], expected[row]["boxes"].numpy() / 32, atol=1e-5)
        np.testing.assert_allclose(found.scores[row], expected[row]["scores"].numpy(), atol=1e-6)
        np.testing.assert_array_equal(found.labels[row], expected[row]["labels"].numpy() - 1)


def test_boxes_without_area_after_clipping_give_way_to_grid_cells() -> None:
    found = kept([((1.2, 0.2, 1.4, 0.4), 3, 0.9), ((-0.1, 0.0, 0.5, 0.5), 4, 0.5)])
    np.testing.assert_allclose(found.boxes[:3], [[0, 0, 0.5, 0.5], [0, 0, 1, 1], [0, 0, 0.5, 0.5]])
    np.testing.assert_array_equal(found.scores, np.array([0.5, 0, 0, 0, 0, 0], np.float32))
    np.testing.assert_array_equal(found.labels, [4, 0, 0, 0, 0, 0])


def test_equal_scores_are_ordered_by_class_and_place_whatever_their_order_of_arrival() -> None:
    items = [((0.5, 0.0, 0.6, 0.1), 2, 0.5), ((0.1, 0.0, 0.2, 0.1), 2, 0.5), ((0.8, 0.0, 0.9, 0.1), 1, 0.5)]
    forwards, backwards = kept(items), kept(items[::-1])
    np.testing.assert_array_equal(forwards.boxes, backwards.boxes)
    np.testing.assert_array_equal(forwards.labels[:3], [1, 2, 2])
    assert forwards.boxes[1, 0] < forwards.boxes[2, 0]


@pytest.mark.parametrize(
    ("changes", "labels"),
    [({}, [3, 4, 5]), ({"nms_iou": 0.95}, [3, 4, 3, 5])],
)
def test_boxes_that_repeat_another_of_their_class_are_dropped(changes: dict[str, float], labels: list[int]) -> None:
    items = [
        ((0.0, 0.0, 0.4, 0.4), 3, 0.9),
        ((0.0, 0.0, 0.4, 0.36), 4, 0.8),
        ((0.0, 0.0, 0.36, 0.4), 3, 0.75),
        ((0.6, 0.0, 0.9, 0.1), 5, 0.7),
    ]
    found = kept(items, **changes)
    np.testing.assert_array_equal(found.labels[found.scores > 0], labels)


def test_a_factor_ranks_boxes_of_its_class_higher_and_leaves_their_scores() -> None:
    sign, wheel = PART_CLASSES.index("newer_sign"), PART_CLASSES.index("wheel")
    items = [
        ((0.0, 0.0, 0.4, 0.4), wheel, 0.6),
        ((0.6, 0.0, 0.9, 0.1), sign, 0.4),
        ((0.6, 0.5, 0.9, 0.6), sign, 0.2),
        ((0.0, 0.5, 0.4, 0.9), wheel, 0.3),
    ]
    found = kept(items, class_factors={"newer_sign": 2.0}, max_parts=3)
    np.testing.assert_array_equal(found.labels, [sign, wheel, sign])
    np.testing.assert_array_equal(found.scores, np.array([0.4, 0.6, 0.2], np.float32))


def test_a_factor_of_an_unknown_class_is_refused_by_name() -> None:
    values = {**dataclasses.asdict(DETECTION), "class_factors": {"tyre": 2}}
    with pytest.raises(ValueError, match=r"here\.class_factors\.tyre.*: expected one of annual.*, got 'tyre'"):
        build(PartDetectionParams, values, "here")


def test_missing_boxes_become_cells_of_ever_finer_grids() -> None:
    empty = no_parts()
    filled = fill_up(empty, 7)
    np.testing.assert_array_equal(filled.boxes[0], [0, 0, 1, 1])
    np.testing.assert_array_equal(filled.boxes[2], [0.5, 0, 1, 0.5])
    assert len(filled.boxes) == len(filled.scores) == len(filled.labels) == 7
    assert (filled.boxes[:, 2:] > filled.boxes[:, :2]).all()
