from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.artifacts.parts import PART_ARRAYS, Detections
from pipeline.export.parts import PartGraph, Parts
from pipeline.networks.pretrained import PretrainedParams
from pipeline.parts.detection import PartDetectionParams, candidates_of, most_confident
from pipeline.parts.network import DetectorNetworkParams, ResnetSsdParams, build_detector
from pipeline.store.vocabulary import PART_CLASSES

PARAMS = PartDetectionParams(max_parts=6, nms_iou=0.3, candidates=40, class_factors={}, batch_size=2)
SHAPE = DetectorNetworkParams("ssd_resnet", ResnetSsdParams(32, "resnet10_narrow", 4, (1, 2), 8, (0.1, 0.3, 0.6), ()))


def candidates(seed: int, classes: int = 3, count: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Overlapping boxes of few classes for two images, some beyond the border, by falling score."""
    generator = torch.Generator().manual_seed(seed)
    centres = 1.3 * torch.rand(2, count, 2, generator=generator) - 0.15
    sides = 0.05 + 0.4 * torch.rand(2, count, 2, generator=generator)
    boxes = torch.cat([centres - sides / 2, centres + sides / 2], 2)
    labels = torch.randint(0, classes, (2, count), generator=generator)
    return boxes, labels, torch.rand(2, count, generator=generator).sort(1, descending=True).values


def graph(params: PartDetectionParams = PARAMS, count: int = 6) -> PartGraph:
    torch.manual_seed(0)
    return PartGraph(build_detector(SHAPE, PretrainedParams(None)).eval(), params, count).eval()


def assert_equal(found: Parts, image: int, expected: Detections) -> None:
    for name in PART_ARRAYS:
        np.testing.assert_array_equal(getattr(found, name)[image].numpy(), getattr(expected, name))


@pytest.mark.parametrize("factors", [{}, {PART_CLASSES[1]: 3.0, PART_CLASSES[2]: 0.2}], ids=["plain", "factors"])
@pytest.mark.parametrize("seed", range(4))
def test_the_boxes_kept_are_those_the_stage_keeps(seed: int, factors: dict[str, float]) -> None:
    params = replace(PARAMS, class_factors=factors)
    found = graph(params).selected(*candidates(seed))
    for image in range(2):
        expected = most_confident(*(values[image] for values in candidates(seed)), params)
        assert_equal(found, image, expected)


def test_fewer_boxes_than_the_stage_keeps_are_its_first_ones() -> None:
    for few, many in zip(graph(count=3).selected(*candidates(0)), graph().selected(*candidates(0)), strict=True):
        assert torch.equal(few, many[:, :3])


def test_where_candidates_run_out_cells_of_a_grid_follow_as_in_the_stage() -> None:
    boxes, labels, scores = candidates(5, classes=1, count=4)
    boxes[1] += 2  # the second image has none that lies in it
    found = graph().selected(boxes, labels, scores)
    for image in range(2):
        assert_equal(found, image, most_confident(boxes[image], labels[image], scores[image], PARAMS))
    np.testing.assert_array_equal(found.boxes[1, 0], [0, 0, 1, 1])


def test_images_of_any_size_get_the_boxes_of_the_detector() -> None:
    part_graph = graph()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = part_graph.selected(*candidates_of(part_graph.detector, images, PARAMS.candidates))
        assert all(map(torch.equal, part_graph(images), expected))
        assert part_graph(images.repeat(1, 1, 2, 3)).boxes.shape == (2, 6, 4)


def test_a_detector_is_given_what_its_own_transform_would_give_it() -> None:
    detector = graph().detector
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    seen: list[Tensor] = []
    detector.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        candidates_of(detector, images, 5)
    expected, _ = detector.transform(list((images.float() / 255).unbind()))
    assert torch.equal(seen[0], expected.tensors)
