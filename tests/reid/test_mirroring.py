from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME
from reid_example import batch, network

from pipeline.artifacts.parts import PART_ARRAYS, Detections
from pipeline.maps.columns import joined
from pipeline.networks.runtime import generator_of, start
from pipeline.reid.augmentation import ReidAugmentationParams, Sample, augment
from pipeline.reid.embedding import EmbedParams, embed
from pipeline.reid.mirroring import mean_of_both, mirrored
from pipeline.reid.models import baseline, fused, pgan, span
from pipeline.reid.samples import collate

FLIPPED = ReidAugmentationParams(flip_probability=1, erase_probability=0)
BOTH = EmbedParams(batch_size=4, mirrored_too=True)


def samples() -> list[tuple[Sample, int]]:
    given = batch()
    images, *rest = (
        values.numpy() for values in (given.images.permute(0, 2, 3, 1), *(getattr(given, name) for name in PART_ARRAYS))
    )
    views = given.masks.numpy(), given.area_ratios.numpy()
    return [
        (Sample(image, Detections(*parts), *seen), -1)
        for image, parts, seen in zip(images, zip(*rest, strict=True), zip(*views, strict=True), strict=True)
    ]


def flipped() -> list[tuple[Sample, int]]:
    return [(augment(sample, FLIPPED, generator_of(0)), identity) for sample, identity in samples()]


def embedded(module: ModuleType, items: list[tuple[Sample, int]], params: EmbedParams) -> dict[str, np.ndarray]:
    torch.manual_seed(0)
    model = network(module)
    return joined(embed(model, items.__getitem__, range(4), params, RUNTIME, start(RUNTIME)))


def test_a_batch_is_mirrored_as_a_training_sample_is() -> None:
    for found, expected in zip(mirrored(collate(samples())), collate(flipped()), strict=True):
        assert torch.equal(found, expected)
    bare = collate(samples())._replace(boxes=torch.zeros(4, 0, 4), masks=torch.zeros(4, 3, 0, 0, dtype=torch.uint8))
    assert mirrored(bare).boxes.shape == (4, 0, 4)


@pytest.mark.parametrize("module", [baseline, pgan, span, fused])
def test_an_image_and_its_mirror_image_have_one_feature_where_both_are_embedded(module: ModuleType) -> None:
    first, second = (embedded(module, items, BOTH) for items in (samples(), flipped()))
    np.testing.assert_allclose(first["features"], second["features"], atol=1e-5)
    np.testing.assert_array_equal(first["area_ratios"], second["area_ratios"])
    one, other = (embedded(module, items, replace(BOTH, mirrored_too=False)) for items in (samples(), flipped()))
    assert np.abs(one["features"] - other["features"]).max() > 1e-3
    if "cells" in one:
        np.testing.assert_array_equal(first["cells"], one["cells"], "attention is told of the image as it is")


def test_each_block_of_the_mean_is_as_long_as_both_are_on_average() -> None:
    first, second = torch.tensor([[3.0, 0, 0, 1]]), torch.tensor([[0.0, 3, 5, 0]])
    found = mean_of_both(first, second, (2, 2))
    assert torch.allclose(found[:, :2], torch.tensor([[3.0, 3]]) / 2**0.5)
    assert torch.allclose(found[:, 2:], torch.tensor([[5.0, 1]]) / 26**0.5 * 3)
    assert torch.equal(mean_of_both(first, -first, (2, 2)), torch.zeros(1, 4))


def test_the_mean_is_in_float32_under_mixed_precision() -> None:
    half = torch.ones(1, 2, dtype=torch.bfloat16)
    assert mean_of_both(half, half, (2,)).dtype == torch.float32
