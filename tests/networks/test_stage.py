import copy

import pytest
import torch
from torch import Tensor, nn

from pipeline.networks.stage import IMAGES_AT_ONCE, FrozenMaps, Stage, frozen_maps_kept
from pipeline.networks.tensors import channels_last


class Counting(nn.Conv2d):
    """Counts the images that pass it."""

    passed = 0

    def forward(self, input: Tensor) -> Tensor:
        self.passed += len(input)
        return super().forward(input)


def stage() -> Stage:
    torch.manual_seed(0)
    frozen = [Counting(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU()]
    return Stage([*frozen, nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4)], len(frozen)).train()


def images(*numbers: int) -> Tensor:
    """Images that differ by number."""
    drawn = [torch.rand(3, 17, 17, generator=torch.Generator().manual_seed(number)) for number in numbers]
    return channels_last(torch.stack(drawn))


def passed(network: Stage) -> int:
    counting = network[0]
    assert isinstance(counting, Counting)
    return counting.passed


def test_an_image_passes_frozen_levels_once_and_its_copies_never() -> None:
    network = stage()
    with frozen_maps_kept(network, 1):
        network(images(*range(IMAGES_AT_ONCE)))
        network(images(1, 0, 2, 0))
        assert passed(network) == IMAGES_AT_ONCE
        network(images(7, 7, 0))  # one that is new, in a group filled up
        assert passed(network) == 2 * IMAGES_AT_ONCE
    network(images(0))
    assert passed(network) == 2 * IMAGES_AT_ONCE + 1


def test_what_is_kept_changes_no_bit_of_features_gradients_and_statistics() -> None:
    batches = [images(0, 1, 2, 3, 4, 5), images(3, 8, 1, 0, 9, 3), images(5, 9, 8, 2, 0, 1)]
    kept, computed = stage(), stage()
    with frozen_maps_kept(kept, 1), frozen_maps_kept(computed, 0):
        for batch in batches:
            features = kept(batch)
            others = computed(batch)
            assert torch.equal(features, others)
            features.square().mean().backward()
            others.square().mean().backward()
    assert passed(kept) < passed(computed)
    for (name, value), other in zip(kept.named_parameters(), computed.parameters(), strict=True):
        assert (value.grad is None) == name.startswith(("0.", "1."))
        assert value.grad is None or torch.equal(value.grad, other.grad)
    assert torch.equal(kept[-1].running_mean, computed[-1].running_mean)


def test_features_are_those_of_the_levels_themselves() -> None:
    network = stage()
    plain = copy.deepcopy(network)
    with frozen_maps_kept(network, 1):
        for _ in range(2):
            torch.testing.assert_close(network(images(0, 1, 2)), plain(images(0, 1, 2)))


def test_no_more_maps_are_kept_than_there_is_room_for() -> None:
    level = Counting(3, 256, 1)
    maps = FrozenMaps(1)  # of 3 x 256 x 17 x 17 floats
    assert 3 * 256 * 17 * 17 * 4 < 1 << 20 < 4 * 256 * 17 * 17 * 4
    for _ in range(2):
        with torch.no_grad():
            maps.take(images(0, 1, 2, 3), level)
    assert level.passed == 2 * IMAGES_AT_ONCE
    with torch.no_grad():
        maps.take(images(0, 1, 2), level)
    assert level.passed == 2 * IMAGES_AT_ONCE


@pytest.mark.parametrize("how", ["in evaluation mode", "without frozen levels"])
def test_nothing_is_kept_where_it_would_not_be_met_again_or_changes(how: str) -> None:
    network = stage()
    if how == "in evaluation mode":
        network.eval()
    else:
        network.frozen = 0
    with frozen_maps_kept(network, 1):
        network(images(0))
        network(images(0))
    assert passed(network) == 2
